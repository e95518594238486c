"""The self intermediate scattering function F_s(k, t), by whose decay relaxation is measured."""

import numpy as np

# The first peak of S_AA(k) at density 1.2: Kob and Andersen, Phys. Rev. E 52, 4134 (1995).
WAVE_NUMBER = 7.25


def self_intermediate_scattering(distance: np.ndarray, k: float = WAVE_NUMBER) -> np.ndarray:
    """Return F_s(k, t) = < sin(k r) / (k r) > over the last axis of `distance` (..., N), r = |r_i(t) - r_i(0)|.

    This is < exp(i k . (r_i(t) - r_i(0))) > averaged exactly over all directions of k (Hansen and McDonald, Theory
    of Simple Liquids, sec. 4.1).
    """
    return np.sinc(k * distance / np.pi).mean(axis=-1)
