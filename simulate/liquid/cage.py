"""Cage positions: where particles are on average while none has left its cage.

A particle has left its cage once it is further than CAGE_RADIUS from its inherent position: three times the rms
distance of thermal from inherent positions at T = 0.44, half the distance to a neighbour. Short NVE runs with fresh
velocities start from the sample; frames are taken at equal intervals, and a particle's frames count up to the one
where it has left. In a run no longer than the plateau nearly none leaves.
"""

from dataclasses import dataclass

import numpy as np

from simulate.files.formats import Configuration
from simulate.liquid import dynamics
from simulate.liquid.dynamics import Engine
from simulate.stage import seeds

STAGE = "cage"
CAGE_RADIUS = 0.5
FRAME_INTERVAL = 10


@dataclass
class Cages:
    """positions (N, 3): mean positions, unwrapped; left (N,): the share of runs in which the particle left its cage."""

    positions: np.ndarray
    left: np.ndarray


def cages(
    start: Configuration, inherent: np.ndarray, engine: Engine, time: float, runs: int, seed: int, sample: int
) -> Cages:
    """Return the cages of a configuration with `inherent` positions (N, 3), from `runs` runs of a length `time`.

    A particle that is out of its cage from the start, in every run, keeps its inherent position.
    """
    total, count = np.zeros_like(start.positions), np.zeros(len(start.types))
    left = np.zeros(len(start.types))
    last = int(np.ceil(time / engine.dynamics.time_step))
    for run in range(runs):
        stream = seeds.generator(seed, STAGE, engine.dynamics.temperature, sample, run)
        velocities = dynamics.maxwell_boltzmann(len(start.types), engine.dynamics.temperature, stream)
        engine.start(start.positions, velocities, 1)
        caged = np.ones(len(start.types), dtype=bool)
        for step in range(0, last + 1, FRAME_INTERVAL):
            engine.advance(step)
            found = engine.positions()
            caged &= ((found - inherent) ** 2).sum(axis=1) < CAGE_RADIUS**2
            total[caged] += found[caged]
            count += caged
        left += ~caged
    mean = np.where(count[:, np.newaxis] > 0, total / np.maximum(count, 1)[:, np.newaxis], inherent)
    return Cages(mean, left / runs)
