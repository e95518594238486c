"""The bootstrap over marked particles: how far an average over them would differ with other ones."""

import numpy as np

from simulate.stage import seeds

RESAMPLES = 200


def resampled(case: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return how often each marked particle (P,) is drawn: configurations with replacement, then particles in each."""
    members = [np.flatnonzero(case == name) for name in np.unique(case)]
    drawn = random.integers(len(members), size=len(members))
    particles = np.concatenate([random.choice(members[index], len(members[index])) for index in drawn])
    return np.bincount(particles, minlength=len(case))


def draws(case: np.ndarray, n: int = RESAMPLES) -> np.ndarray:
    """Return `n` times how often each marked particle is drawn, (n, P), the same ones in every call."""
    random = seeds.generator(0, "bootstrap")
    return np.array([resampled(case, random) for _ in range(n)])
