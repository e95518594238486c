"""The periodic box: orthogonal, edges `box` (3,), origin at 0. Lengths in sigma_AA."""

import numpy as np
from scipy.spatial import cKDTree

from simulate.stage.command import InputError


def wrap(positions: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return positions (..., 3) moved by whole box edges into [0, L)."""
    wrapped = positions - np.floor(positions / box) * box
    # A tiny negative coordinate rounds up to L itself.
    return np.where(wrapped >= box, 0.0, wrapped)


def minimum_image(vectors: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return the shortest periodic images of difference vectors (..., 3)."""
    return vectors - box * np.rint(vectors / box)


def neighbour_pairs(positions: np.ndarray, box: np.ndarray, cutoff: float) -> np.ndarray:
    """Return the pairs i < j closer than `cutoff` (minimum image), shape (P, 2), sorted.

    A pair that lies at the cutoff to within rounding is decided in single precision, strictly
    below, as the published network's code does. The cutoff must be below half the shortest edge.

    Raises InputError where the box is too small for the cutoff.
    """
    box = np.asarray(box, dtype=np.float64)
    if cutoff > box.min() / 2:
        raise InputError(f"box edge {box.min():.3f} is below two cutoffs of {cutoff}")
    wrapped = wrap(np.asarray(positions, dtype=np.float64), box)
    pairs = cKDTree(wrapped, boxsize=box).query_pairs(cutoff * (1 + 1e-5), output_type="ndarray")
    single = wrapped.astype(np.float32)
    vectors = minimum_image(single[pairs[:, 1]] - single[pairs[:, 0]], box.astype(np.float32))
    pairs = pairs[np.sqrt((vectors**2).sum(axis=1)) < np.float32(cutoff)]
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
