"""Where the forces alone take thermal positions: steepest descent, and the motion from rest.

Descent: dr/ds = F(r), with the fictitious time s in sigma^2/epsilon. Stiff vibrations are gone first, soft ones last,
so that positions descended for a time s have forgotten the fast vibrations and still know the slow ones. Which s
tells most about the propensity grows with the time of the propensity.

Release: d^2r/dt^2 = F(r) from velocities of zero. As long as forces are linear, where a particle released at rest is
after the time t is the mean, over Maxwell-Boltzmann velocities, of where it may be. Nothing is random, no
temperature enters: a function of the positions alone, like the descent.
"""

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from simulate.liquid import kob_andersen
from simulate.liquid.box import minimum_image, wrap

# Below 2 over the largest eigenvalue of the Hessian, some 4000 epsilon/sigma^2.
STEP = 4e-4
# No particle moves further than this in a step: thermal pairs may start very near each other.
LONGEST_MOVE = 0.05
# Time step of the motion from rest, tau.
RELEASE_STEP = 0.01
# Pairs this far beyond their cutoff are kept, until a particle has moved half of it.
SKIN = 0.3


def descend(positions: np.ndarray, types: np.ndarray, box: np.ndarray, times: Sequence[float]) -> list[np.ndarray]:
    """Return the positions (N, 3) after each of the increasing `times` of steepest descent.

    Raises InputError where the box is smaller than two cutoffs.
    """
    forces = _Forces(types, box)
    now = np.array(positions, dtype=np.float64)
    steps = [round(time / STEP) for time in times]
    result = []
    for step in range(steps[-1] + 1):
        if step in steps:
            result.append(now.copy())
        move = STEP * forces(now)
        length = np.linalg.norm(move, axis=1)
        now += move * np.minimum(1, LONGEST_MOVE / np.maximum(length, LONGEST_MOVE))[:, None]
    return result


def release(
    positions: np.ndarray, types: np.ndarray, box: np.ndarray, times: Sequence[float]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return where particles of mass 1 are (N, 3) at each of the increasing `times` after a release at rest, and where
    they were on average until then.

    Velocity Verlet. Raises InputError where the box is smaller than two cutoffs.
    """
    forces = _Forces(types, box)
    now = np.array(positions, dtype=np.float64)
    steps = [round(time / RELEASE_STEP) for time in times]
    velocities, force, total = np.zeros_like(now), forces(now), np.zeros_like(now)
    places, means = [], []
    for step in range(1, steps[-1] + 1):
        velocities += RELEASE_STEP / 2 * force
        now += RELEASE_STEP * velocities
        force = forces(now)
        velocities += RELEASE_STEP / 2 * force
        total += now
        if step in steps:
            places.append(now.copy())
            means.append(total / step)
    return places, means


def displacements(positions: np.ndarray, types: np.ndarray, box: np.ndarray, times: Sequence[float]) -> np.ndarray:
    """Return how far each particle has moved at each of the times after a release at rest, (N, len(times), 3), sigma.

    Raises InputError where the box is smaller than two cutoffs.
    """
    places, _ = release(positions, types, box, times)
    return np.stack([place - positions for place in places], axis=1)


class _Forces:
    """Forces on all particles; the list of pairs is made anew once one has moved half the skin.

    Raises InputError where the box is smaller than two cutoffs.
    """

    def __init__(self, types: np.ndarray, box: np.ndarray):
        kob_andersen.check_box(box)
        self.types, self.box = types, box
        self.pairs = np.empty((0, 2), dtype=int)
        self.listed: np.ndarray | None = None

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """Return the forces (N, 3), epsilon/sigma."""
        if self.listed is None or ((positions - self.listed) ** 2).sum(axis=1).max() > (SKIN / 2) ** 2:
            self.pairs, self.listed = _pairs(positions, self.types, self.box), positions.copy()
        return _forces(positions, self.types, self.box, self.pairs)


def _pairs(positions: np.ndarray, types: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return pairs (P, 2) closer than their cutoff and the skin, as far as half the box allows."""
    wrapped = wrap(positions, box)
    reach = min(kob_andersen.LONGEST_CUTOFF + SKIN, np.min(box) / 2)
    pairs = cKDTree(wrapped, boxsize=box).query_pairs(reach, output_type="ndarray")
    distance = np.linalg.norm(minimum_image(wrapped[pairs[:, 1]] - wrapped[pairs[:, 0]], box), axis=1)
    cutoff = kob_andersen.CUTOFF * kob_andersen.SIGMA[types[pairs[:, 0]], types[pairs[:, 1]]]
    return pairs[distance < cutoff + SKIN]


def _forces(positions: np.ndarray, types: np.ndarray, box: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    first, second = pairs.T
    vectors = minimum_image(positions[second] - positions[first], box)
    square = (vectors**2).sum(axis=1)
    epsilon, sigma = kob_andersen.EPSILON[types[first], types[second]], kob_andersen.SIGMA[types[first], types[second]]
    ratio = sigma**2 / square
    attraction = ratio**3
    push = np.where(ratio > kob_andersen.CUTOFF**-2, 24 * epsilon * (2 * attraction**2 - attraction) / square, 0)
    force = push[:, None] * vectors
    n = len(types)
    return np.stack(
        [np.bincount(second, force[:, k], n) - np.bincount(first, force[:, k], n) for k in range(3)], axis=1
    )
