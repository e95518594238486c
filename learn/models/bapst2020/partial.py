"""What a network says of marked particles only: many small graphs joined into one, computed no further than needed."""

from dataclasses import dataclass

import numpy as np
import torch

from learn.models.bapst2020.fast.edges import segment_sum
from learn.models.bapst2020.fast.incidence import runs_of_nodes
from learn.models.bapst2020.model import RECURRENCES, WIDTH, Bapst2020, linear

# Edges worked on at once: 2048 x 64 float32 are 512 KiB.
RUN = 2048


@dataclass
class Piece:
    """One marked particle's graph: node 0 is the marked one, nodes sorted by hop from it, edges sorted by receiver.

    types, hop (K,); senders, receivers (E,); vectors (E, 3).
    """

    types: np.ndarray
    hop: np.ndarray
    senders: np.ndarray
    receivers: np.ndarray
    vectors: np.ndarray


def subgraph(piece: Piece, nodes: np.ndarray, edges: np.ndarray) -> Piece:
    """Return the piece left of some nodes (K,) bool and edges (E,) bool among them."""
    local = np.cumsum(nodes) - 1
    return Piece(
        piece.types[nodes],
        piece.hop[nodes],
        local[piece.senders[edges]],
        local[piece.receivers[edges]],
        piece.vectors[edges],
    )


@dataclass
class Union:
    """Disjoint pieces as one graph, nodes sorted by hop, then piece: marked particles come first.

    types (N,), vectors (E, 3), senders, receivers (E,) tensors; within[k]: how many nodes lie within k hops;
    order (E,): where each edge of the pieces, put one after the other, has gone.
    """

    types: torch.Tensor
    vectors: torch.Tensor
    senders: torch.Tensor
    receivers: torch.Tensor
    within: np.ndarray
    order: np.ndarray

    @classmethod
    def of(cls, pieces: list[Piece]) -> "Union":
        """Return the union of pieces."""
        offset = np.cumsum([0, *(len(piece.types) for piece in pieces)])[:-1]
        hop = np.concatenate([piece.hop for piece in pieces])
        sorted_nodes = np.argsort(hop, kind="stable")
        place = np.empty(len(hop), dtype=np.int64)
        place[sorted_nodes] = np.arange(len(hop))
        shifted = list(zip(pieces, offset, strict=True))
        senders = place[np.concatenate([piece.senders + shift for piece, shift in shifted])]
        receivers = place[np.concatenate([piece.receivers + shift for piece, shift in shifted])]
        edges = np.argsort(receivers, kind="stable")
        types = np.concatenate([piece.types for piece in pieces])[sorted_nodes]
        vectors = np.concatenate([piece.vectors for piece in pieces])[edges]
        return cls(
            torch.from_numpy(types.astype(np.float32)),
            torch.from_numpy(vectors.astype(np.float32)),
            torch.from_numpy(senders[edges]),
            torch.from_numpy(receivers[edges]),
            np.searchsorted(hop[sorted_nodes], np.arange(RECURRENCES + 1), side="right"),
            edges,
        )


def differentiable(network: Bapst2020, union: Union) -> torch.Tensor:
    """Return the network's outputs (pieces, M) at the marked particles, so that gradients can be taken.

    After recurrence t only particles within 7 - t edges of a marked one can still reach it, so the published network
    is computed on those alone, and node features are multiplied before they are gathered: the same numbers as its
    `plain`, to rounding, for a half to a third of the work of `forward`.
    """
    start = torch.searchsorted(union.receivers, torch.arange(len(union.types) + 1))
    on_edge, on_edge0, on_to, on_to0, on_of, on_of0 = linear(network.edge_update, 0).weight.T.split(WIDTH)
    node = node0 = network.node_encoder(union.types[:, None])
    to0, of0 = node0 @ on_to0 + linear(network.edge_update, 0).bias, node0 @ on_of0
    runs = runs_of_nodes(start, RUN)
    edge = [network.edge_encoder(union.vectors[a:b]) for _, _, a, b in runs]
    constant = [piece @ on_edge0 for piece in edge]
    for step in range(1, RECURRENCES + 1):
        needed = int(union.within[RECURRENCES - step])
        to, of = node @ on_to + to0[: len(node)], node @ on_of + of0[: len(node)]
        total = []
        for i, (first, last, a, b) in enumerate(_up_to(runs, start, needed)):
            hidden = torch.addmm(constant[i][: b - a], edge[i][: b - a], on_edge)
            hidden = hidden.add_(to[union.receivers[a:b]]).add_(of[union.senders[a:b]])
            edge[i] = network.edge_update[1:](hidden)
            total.append(segment_sum(edge[i], start[first : last + 1] - a))
        node = network.node_update(torch.cat([torch.cat(total), node[:needed], node0[:needed]], dim=1))
    return network.decoder(node)


@torch.no_grad()
def outputs(network: Bapst2020, union: Union) -> torch.Tensor:
    """Return what `differentiable` returns, computed in place in arrays that stay in the processor's cache."""
    start = torch.searchsorted(union.receivers, torch.arange(len(union.types) + 1))
    on_edge, on_edge0, on_to, on_to0, on_of, on_of0 = linear(network.edge_update, 0).weight.T.split(WIDTH)
    outer = linear(network.edge_update, 2)
    second, bias = outer.weight.T.contiguous(), outer.bias
    # The first recurrence sees the encoded edge twice.
    twice, on_edge = on_edge + on_edge0, on_edge.contiguous()
    node = node0 = network.node_encoder(union.types[:, None])
    to0, of0 = node0 @ on_to0 + linear(network.edge_update, 0).bias, node0 @ on_of0
    runs = runs_of_nodes(start, RUN)
    edge = torch.empty(int(start[union.within[RECURRENCES - 1]]), WIDTH)
    constant = torch.empty(int(start[union.within[RECURRENCES - 2]]), WIDTH)
    hidden_of, gathered_of = torch.empty(2, max((b - a for _, _, a, b in runs), default=0), WIDTH)
    for step in range(1, RECURRENCES + 1):
        needed = int(union.within[RECURRENCES - step])
        to, of = node[:needed] @ on_to + to0[:needed], node @ on_of + of0[: len(node)]
        total = torch.empty(needed, WIDTH)
        for first, last, a, b in _up_to(runs, start, needed):
            hidden, gathered, state = hidden_of[: b - a], gathered_of[: b - a], edge[a:b]
            if step == 1:
                _encode(network, union.vectors[a:b], hidden, state)
                torch.mm(state[: max(0, len(constant) - a)], on_edge0, out=constant[a:b])
                torch.mm(state, twice, out=hidden)
            else:
                torch.mm(state, on_edge, out=hidden).add_(constant[a:b])
            hidden.add_(torch.index_select(to, 0, union.receivers[a:b], out=gathered))
            hidden.add_(torch.index_select(of, 0, union.senders[a:b], out=gathered)).relu_()
            torch.mm(hidden, second, out=state).add_(bias).relu_()
            total[first:last] = segment_sum(state, start[first : last + 1] - a)
        node = network.node_update(torch.cat([total, node[:needed], node0[:needed]], dim=1))
    return network.decoder(node)


def _encode(network: Bapst2020, vectors: torch.Tensor, hidden: torch.Tensor, state: torch.Tensor) -> None:
    """Write the encoded edges into `state` (E, C), by way of `hidden` (E, C)."""
    first, second = linear(network.edge_encoder, 0), linear(network.edge_encoder, 2)
    torch.mm(vectors, first.weight.T, out=hidden).add_(first.bias).relu_()
    torch.mm(hidden, second.weight.T, out=state).add_(second.bias).relu_()


def _up_to(runs: list[tuple[int, int, int, int]], start: torch.Tensor, needed: int) -> list[tuple[int, int, int, int]]:
    """Return the runs of the first `needed` nodes."""
    return [
        (first, last, a, b) if last <= needed else (first, needed, a, int(start[needed]))
        for first, last, a, b in runs
        if first < needed
    ]


def predictions(network: Bapst2020, pieces: list[Piece]) -> np.ndarray:
    """Return the outputs (pieces, M) at the marked particles of one batch."""
    return outputs(network, Union.of(pieces)).numpy().astype(np.float64)


def gradients(network: Bapst2020, pieces: list[Piece]) -> list[np.ndarray]:
    """Return d(output at the marked particle) / d(edge vector) for every piece, (M, E, 3) each."""
    union = Union.of(pieces)
    union.vectors.requires_grad_(True)
    found = differentiable(network, union)
    per_output = []
    for column in range(found.shape[1]):
        (gradient,) = torch.autograd.grad(found[:, column].sum(), union.vectors, retain_graph=True)
        unsorted = np.empty(gradient.shape)
        unsorted[union.order] = gradient.numpy()
        per_output.append(unsorted)
    bounds = np.cumsum([len(piece.senders) for piece in pieces])[:-1]
    return np.split(np.stack(per_output), bounds, axis=1)
