"""One pass over the edges of a graph: the inner loop of training, forward and backward.

Everything that is as long as the edges is worked through in pieces that stay in the processor's cache, and its
gradients are written by hand in place. torch-scatter sums over the edges of a node; without it torch's own
index_add gives the same numbers to rounding.
"""

from dataclasses import dataclass

import torch

try:
    from torch_scatter import segment_csr
except ImportError:
    segment_csr = None

# Edges per piece: 4096 x 64 float32 are 1 MiB.
PIECE = 4096


@dataclass
class Incidence:
    """Which edge touches which node. Edges must be sorted by receiver.

    senders, receivers (E,) int64; start (N + 1,): the edges into node i are start[i]:start[i+1];
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
        return cls(senders, receivers, start, outgoing, out_start, _pieces(start, len(senders)))


def _starts(ends: torch.Tensor, nodes: int) -> torch.Tensor:
    counts = torch.bincount(ends, minlength=nodes)
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def _pieces(start: torch.Tensor, edges: int) -> list[tuple[int, int, int, int]]:
    """Return (first node, last node, first edge, last edge) of runs of about PIECE edges."""
    if start.device.type != "cpu":
        return [(0, len(start) - 1, 0, edges)]
    size = PIECE * torch.get_num_threads()
    wanted = torch.arange(0, edges, size)
    nodes = torch.unique(torch.cat([torch.searchsorted(start, wanted), torch.tensor([len(start) - 1])])).tolist()
    at = start[nodes].tolist()
    return [(a, b, at[i], at[i + 1]) for i, (a, b) in enumerate(zip(nodes, nodes[1:], strict=False))]


def segment_sum(values: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
    """Return the sums of consecutive rows: out[i] = values[start[i]:start[i+1]].sum(0)."""
    if segment_csr is not None:
        return segment_csr(values, start, reduce="sum")
    ends = torch.repeat_interleave(torch.arange(len(start) - 1, device=values.device), start.diff())
    return values.new_zeros(len(start) - 1, values.shape[1]).index_add_(0, ends, values)


class EdgeStep(torch.autograd.Function):
    """hidden = relu(before W + constant + to[receiver] + of[sender]); total = its sum over the edges into a node.

    before, constant, hidden (E, C); W (C, C); to, of, total (N, C). `constant` is handed on unchanged as a third
    output, so that its gradient is summed along the recurrences in one place instead of in one array per recurrence.
    """

    @staticmethod
    def forward(ctx, before, weight, constant, to, of, incidence):
        hidden = torch.empty_like(constant)
        total = to.new_empty(to.shape)
        for first, last, a, b in incidence.pieces:
            piece = hidden[a:b]
            torch.addmm(constant[a:b], before[a:b], weight, out=piece)
            piece += to.index_select(0, incidence.receivers[a:b])
            piece += of.index_select(0, incidence.senders[a:b])
            piece.relu_()
            total[first:last] = segment_sum(piece, incidence.start[first : last + 1] - a)
        ctx.save_for_backward(before, weight, hidden)
        ctx.incidence = incidence
        ctx.set_materialize_grads(False)
        return hidden, total, constant.view_as(constant)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_hidden, grad_total, grad_constant):
        before, weight, hidden = ctx.saved_tensors
        incidence = ctx.incidence
        grad = torch.empty_like(hidden)
        grad_before = torch.empty_like(before)
        grad_weight = torch.zeros_like(weight)
        grad_to = hidden.new_empty(len(incidence.start) - 1, hidden.shape[1])
        for first, last, a, b in incidence.pieces:
            piece = grad[a:b]
            torch.index_select(grad_total, 0, incidence.receivers[a:b], out=piece)
            if grad_hidden is not None:
                piece += grad_hidden[a:b]
            torch.ops.aten.threshold_backward.grad_input(piece, hidden[a:b], 0, grad_input=piece)
            grad_weight.addmm_(before[a:b].T, piece)
            torch.mm(piece, weight.T, out=grad_before[a:b])
            grad_to[first:last] = segment_sum(piece, incidence.start[first : last + 1] - a)
            if grad_constant is not None:
                grad_constant[a:b] += piece
        grad_of = segment_sum(grad.index_select(0, incidence.outgoing), incidence.out_start)
        return grad_before, grad_weight, grad if grad_constant is None else grad_constant, grad_to, grad_of, None
