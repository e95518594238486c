"""Targets of which the range is known, to see what the machinery makes of them."""

import numpy as np

from learn.data.dataset import Sample
from learn.models.linear import model as linear
from simulate.liquid.box import minimum_image

BLOCK = 256


def shuffled(sample: Sample, random: np.random.Generator) -> np.ndarray:
    """Return the propensity (M, N) with the particles of each species exchanged at random: nothing to learn."""
    types, order = sample.graph.types, np.arange(len(sample.graph.types))
    for kind in np.unique(types):
        order[types == kind] = random.permutation(np.flatnonzero(types == kind))
    return sample.propensity[:, order].astype(np.float64)


def synthetic(sample: Sample, length: float, random: np.random.Generator) -> np.ndarray:
    """Return a propensity (M, N) that is made of the inherent energies u_j around a particle, with real noise.

        y_i = sum_j exp(-r_ij / length) (u_j - <u>) + noise,  r_ij between inherent positions, <u> by species

    The noise at each time is normal, as strong beside y as the runs' noise is beside the measured propensity.
    """
    positions, types, box = sample.quenched_positions, sample.graph.types, sample.graph.box
    found = linear.mechanics(positions, types, box)
    energy = found["energy with A"] + found["energy with B"]
    for kind in np.unique(types):
        energy[types == kind] -= energy[types == kind].mean()
    signal = np.empty(len(types))
    for first in range(0, len(types), BLOCK):
        here = slice(first, first + BLOCK)
        distance = np.linalg.norm(minimum_image(positions[here, None] - positions, box), axis=-1)
        signal[here] = np.exp(-distance / length) @ energy
    target = np.empty(sample.propensity.shape)
    for time, (propensity, error) in enumerate(zip(sample.propensity, sample.standard_error, strict=True)):
        for kind in np.unique(types):
            of = types == kind
            noise = (error[of] ** 2).mean()
            # Variance of the noise over that of what is behind it.
            ratio = noise / max(propensity[of].var() - noise, 1e-12)
            target[time, of] = signal[of] + random.normal(size=of.sum()) * np.sqrt(ratio) * signal[of].std()
    return target
