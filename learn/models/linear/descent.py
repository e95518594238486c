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

from simulate.liquid import kob_andersen
from simulate.liquid.pair_forces import PairForces

# Below 2 over the largest eigenvalue of the Hessian, some 4000 epsilon/sigma^2.
STEP = 4e-4
# No particle moves further than this in a step: thermal pairs may start very near each other.
LONGEST_MOVE = 0.05
# Time step of the motion from rest, tau.
RELEASE_STEP = 0.01


def descend(positions: np.ndarray, types: np.ndarray, box: np.ndarray, times: Sequence[float]) -> list[np.ndarray]:
    """Return the positions (N, 3) after each of the increasing `times` of steepest descent.

    Raises InputError where the box is smaller than two cutoffs.
    """
    kob_andersen.check_box(box)
    pair_forces = PairForces(types, box)
    now = np.array(positions, dtype=np.float64)
    steps = [round(time / STEP) for time in times]
    result = []
    for step in range(steps[-1] + 1):
        if step in steps:
            result.append(now.copy())
        move = STEP * pair_forces(now)[1]
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
    kob_andersen.check_box(box)
    pair_forces = PairForces(types, box)
    now = np.array(positions, dtype=np.float64)
    steps = [round(time / RELEASE_STEP) for time in times]
    velocities, force, total = np.zeros_like(now), pair_forces(now)[1], np.zeros_like(now)
    places, means = [], []
    for step in range(1, steps[-1] + 1):
        velocities += RELEASE_STEP / 2 * force
        now += RELEASE_STEP * velocities
        force = pair_forces(now)[1]
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
