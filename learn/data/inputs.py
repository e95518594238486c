"""What a model reads of a configuration, as tensors: a graph with numbers at its nodes and vectors along its edges."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from learn.data.graph import Graph


@dataclass
class Inputs:
    """A configuration as a model reads it: N particles, and E directed edges sorted by receiver.

    types (N,) int64, 0 = A, 1 = B; vectors (S, E, 3) = r_receiver - r_sender, minimum image, of the thermal positions
    and of such others as the model looks at (S in all); senders, receivers (E,) int64; nodes (N, K): whatever else
    the model wants to know of each particle; memory: what it computed of the edges and keeps as long as they stay.
    """

    types: torch.Tensor
    vectors: torch.Tensor
    senders: torch.Tensor
    receivers: torch.Tensor
    nodes: torch.Tensor
    memory: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, graph: Graph, nodes: np.ndarray | None = None) -> "Inputs":
        """Return the inputs of a graph, and of numbers (N, K) for its particles, if any."""
        types, nodes = (
            np.asarray(graph.types, dtype=np.int64),
            np.zeros((len(graph.types), 0)) if nodes is None else nodes,
        )
        of = torch.from_numpy
        return cls(of(types), of(graph.vectors[None]), of(graph.senders), of(graph.receivers), of(nodes))

    def to(self, device: torch.device) -> "Inputs":
        """Return the inputs on a device."""
        arrays = {name: array.to(device) for name, array in vars(self).items() if isinstance(array, torch.Tensor)}
        return replace(self, **arrays, memory={})

    def rotated(self, matrix: torch.Tensor) -> "Inputs":
        """Return the inputs with all vectors multiplied by an orthogonal matrix (3, 3)."""
        return replace(self, vectors=self.vectors @ matrix)

    def part(self, nodes: np.ndarray, edges: np.ndarray) -> "Inputs":
        """Return the inputs of some particles and of edges among them: each (bool), or their numbers in a new order."""
        place = torch.zeros(len(self.types), dtype=torch.int64)
        chosen, among = torch.from_numpy(nodes), torch.from_numpy(edges)
        types = self.types[chosen]
        place[chosen] = torch.arange(len(types))
        ends = (place[self.senders[among]], place[self.receivers[among]])
        return Inputs(types, self.vectors[:, among], *ends, self.nodes[chosen])


def side_by_side(pieces: Sequence[Inputs]) -> Inputs:
    """Return several inputs as one, particles and edges of each behind those of the one before."""
    count = [len(piece.types) for piece in pieces]
    shift = np.cumsum([0, *count])[:-1].tolist()
    return Inputs(
        torch.cat([piece.types for piece in pieces]),
        torch.cat([piece.vectors for piece in pieces], dim=1),
        torch.cat([piece.senders + by for piece, by in zip(pieces, shift, strict=True)]),
        torch.cat([piece.receivers + by for piece, by in zip(pieces, shift, strict=True)]),
        torch.cat([piece.nodes for piece in pieces]),
    )
