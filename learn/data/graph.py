"""The graph of a configuration: who sees whom."""

from dataclasses import dataclass

import numpy as np

from simulate.liquid.box import minimum_image, neighbour_pairs

CUTOFF = 2.0


@dataclass
class Graph:
    """Particles and who sees whom.

    types (N,), box (3,), positions (N, 3); E directed edges, both ways, with one self-edge per particle, sorted by
    receiver, then sender: senders (E,), receivers (E,) int64, vectors (E, 3) float32 = r_receiver - r_sender,
    minimum image.
    """

    types: np.ndarray
    box: np.ndarray
    positions: np.ndarray
    senders: np.ndarray
    receivers: np.ndarray
    vectors: np.ndarray


def build(positions: np.ndarray, types: np.ndarray, box: np.ndarray, cutoff: float = CUTOFF) -> Graph:
    """Return the graph whose edges join particles closer than `cutoff` (strictly; minimum image).

    Self-edges are part of the published network: its checkpoint predicts nothing without them.
    Raises InputError where the box is too small for the cutoff.
    """
    pairs = neighbour_pairs(positions, box, cutoff)
    own = np.arange(len(types))
    senders = np.concatenate([pairs[:, 0], pairs[:, 1], own])
    receivers = np.concatenate([pairs[:, 1], pairs[:, 0], own])
    order = np.lexsort((senders, receivers))
    return from_edges(positions, types, box, senders[order], receivers[order])


def from_edges(
    positions: np.ndarray, types: np.ndarray, box: np.ndarray, senders: np.ndarray, receivers: np.ndarray
) -> Graph:
    """Return the graph with given edges, its vectors computed from the positions (wrapped or not)."""
    positions, box = np.asarray(positions, dtype=np.float64), np.asarray(box, dtype=np.float64)
    senders, receivers = senders.astype(np.int64), receivers.astype(np.int64)
    vectors = minimum_image(positions[receivers] - positions[senders], box).astype(np.float32)
    return Graph(np.asarray(types), box, positions, senders, receivers, vectors)
