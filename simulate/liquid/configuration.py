"""One configuration of the mixture: the record that every stage computes with."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Configuration:
    """Where the particles are, and what is known beside.

    positions (N, 3) unwrapped, types (N,) int8 with 0 = A and 1 = B, box (3,), temperature or None,
    inherent_positions (N, 3) where the file has them.
    """

    positions: np.ndarray
    types: np.ndarray
    box: np.ndarray
    temperature: float | None = None
    inherent_positions: np.ndarray | None = None
    cage_positions: np.ndarray | None = None
