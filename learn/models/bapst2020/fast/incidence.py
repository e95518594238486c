"""Which edges touch which nodes, and how they are cut up for a processor's cache or for the programs of a GPU."""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch

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
    pieces: boundaries (node, edge) of runs of whole nodes; outgoing (E,): edges sorted by sender, with their
    own out_start (N + 1,).
    """

    senders: torch.Tensor
    receivers: torch.Tensor
    start: torch.Tensor
    outgoing: torch.Tensor
    out_start: torch.Tensor
    pieces: list[tuple[int, int, int, int]]

    @classmethod
    def of(cls, senders: torch.Tensor, receivers: torch.Tensor, nodes: int) -> "Incidence":
        """Return the incidence of edges that are sorted by receiver."""
        start = _starts(receivers, nodes)
        outgoing = torch.argsort(senders, stable=True)
        out_start = _starts(senders, nodes)
        if senders.device.type == "cpu":
            in_cache = runs_of_nodes(start, PIECE * torch.get_num_threads())
            return cls(senders, receivers, start, outgoing, out_start, in_cache)
        whole = [(0, nodes, 0, len(senders))]
        return cls(senders.int(), receivers.int(), start, outgoing.int(), out_start, whole)

    def to(self, device: torch.device) -> "Incidence":
        """Return the incidence on a device; on a GPU with indices of half the size."""
        if device == self.senders.device:
            return self
        senders, receivers, outgoing = (each.int().to(device) for each in (self.senders, self.receivers, self.outgoing))
        whole = [(0, len(self.start) - 1, 0, len(senders))]
        return Incidence(senders, receivers, self.start.to(device), outgoing, self.out_start.to(device), whole)

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


def runs_of_nodes(start: torch.Tensor, size: int) -> list[tuple[int, int, int, int]]:
    """Return (first node, last node, first edge, last edge) of runs of whole nodes with about `size` edges.

    start (N + 1,): the edges into node i are start[i]:start[i+1].
    """
    wanted = torch.arange(0, int(start[-1]), size)
    nodes = torch.unique(torch.cat([torch.searchsorted(start, wanted), torch.tensor([len(start) - 1])])).tolist()
    at = start[nodes].tolist()
    return [(a, b, at[i], at[i + 1]) for i, (a, b) in enumerate(pairwise(nodes))]
