"""Which edges touch which nodes, and how they are cut up for a processor's cache or for the programs of a GPU."""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch

from learn.data.inputs import Inputs

# Edges per piece: 4096 x 64 float32 are 1 MiB.
PIECE = 4096
# Most edges and nodes that one program of a GPU takes at once.
TILE_EDGES, TILE_NODES = 128, 16


@dataclass
class Tiles:
    """Runs of whole nodes with few edges each, as kernels take them.

    table (T, 4) int32: first node, last node, first edge, last edge; size (2,) int32: T, and the number of edges.
    """

    table: torch.Tensor
    size: torch.Tensor


@dataclass
class Incidence:
    """Which edge touches which node. Edges must be sorted by receiver.

    senders, receivers (E,) int64, int32 on a GPU; start (N + 1,): the edges into node i are start[i]:start[i+1];
    sources: how many nodes edges come from.
    """

    senders: torch.Tensor
    receivers: torch.Tensor
    start: torch.Tensor
    sources: int

    @classmethod
    def of(cls, inputs: Inputs) -> "Incidence":
        """Return the incidence of the edges, made once and kept with the inputs."""
        if "incidence" not in inputs.memory:
            nodes, senders, receivers = len(inputs.types), inputs.senders, inputs.receivers
            if senders.is_cuda:
                senders, receivers = senders.int(), receivers.int()
            inputs.memory["incidence"] = cls(senders, receivers, _starts(receivers, nodes), nodes)
        found: Incidence = inputs.memory["incidence"]
        return found

    def into(self, nodes: int, sources: int) -> "Incidence":
        """Return the incidence of the edges into the first nodes, which come from as many first nodes as `sources`."""
        edges = int(self.start[nodes])
        return Incidence(self.senders[:edges], self.receivers[:edges], self.start[: nodes + 1], sources)

    @cached_property
    def outgoing(self) -> torch.Tensor:
        """The edges (E,) sorted by sender."""
        return torch.argsort(self.senders, stable=True).to(self.senders.dtype)

    @cached_property
    def out_start(self) -> torch.Tensor:
        """(sources + 1,): the edges from node i are outgoing[out_start[i]:out_start[i+1]]."""
        return _starts(self.senders, self.sources)

    @cached_property
    def pieces(self) -> list[tuple[int, int, int, int]]:
        """(first node, last node, first edge, last edge) of runs of whole nodes that fit into a processor's cache."""
        nodes, edges = len(self.start) - 1, len(self.senders)
        if self.start.is_cuda:
            return [(0, nodes, 0, edges)]
        wanted = torch.arange(0, edges, PIECE * torch.get_num_threads())
        bounds = torch.unique(torch.cat([torch.searchsorted(self.start, wanted), torch.tensor([nodes])])).tolist()
        at = self.start[bounds].tolist()
        return [(a, b, at[i], at[i + 1]) for i, (a, b) in enumerate(pairwise(bounds))]

    @cached_property
    def tiles(self) -> Tiles | None:
        """The tiles; None where a node has more edges than one holds."""
        start = self.start.tolist()
        table, node = [], 0
        while node < len(start) - 1:
            last = min(bisect_right(start, start[node] + TILE_EDGES) - 1, node + TILE_NODES, len(start) - 1)
            if last == node:
                return None
            table.append((node, last, start[node], start[last]))
            node = last
        device = self.start.device
        size = torch.tensor([len(table), start[-1]], dtype=torch.int32)
        return Tiles(torch.tensor(table, dtype=torch.int32).to(device), size.to(device))


def _starts(ends: torch.Tensor, nodes: int) -> torch.Tensor:
    counts = torch.bincount(ends, minlength=nodes)
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])
