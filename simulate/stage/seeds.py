"""Random seeds: one independent stream per (stage, temperature, sample, run).

A seed depends on nothing but the names it is made from, so adding a temperature, a sample or a run
changes no other number.
"""

import zlib

import numpy as np


def generator(seed: int, stage: str, temperature: float = 0.0, sample: int = 0, run: int = 0) -> np.random.Generator:
    """Return the random generator of one run.

    The names go into numpy's SeedSequence as integers: the stage by its CRC-32, the temperature in
    units of 1e-6.
    """
    key = (zlib.crc32(stage.encode()), round(temperature * 1_000_000), sample, run)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def integer(generator: np.random.Generator) -> int:
    """Return a positive 31-bit integer, as OpenMM's and torch's seeds want it."""
    return int(generator.integers(1, 2**31 - 1))
