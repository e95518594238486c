"""One pass over the edges of a graph: the inner loop of training, forward and backward.

Everything that is as long as the edges is worked through in pieces that stay in the processor's cache, and its
gradients are written by hand in place. `learn.models.bapst2020.fast.edges_device` does the same in kernels of a GPU.
"""

from typing import Any

import torch

from learn.models.bapst2020.fast.incidence import Incidence


def segment_sum(values: torch.Tensor, start: torch.Tensor, order: torch.Tensor | None = None) -> torch.Tensor:
    """Return sums of consecutive rows, `out[i] = values[order][start[i]:start[i+1]].sum(0)`; no gradient follows it.

    On a processor, torch's sum over bags of rows, which is vectorised and gathers on the way: torch-scatter's takes 1.1
    times as long (benchmarks/speed/learn.py). On a GPU, torch's sum over segments, which waits for nothing.
    """
    if not values.is_cuda:
        order = torch.arange(len(values)) if order is None else order
        return torch.ops.aten._embedding_bag_forward_only(values, order, start, False, 0, False, None, True)[0]
    values = values if order is None else values.index_select(0, order)
    # It would add bfloat16 in bfloat16.
    values = values.float() if values.dtype == torch.bfloat16 else values
    return torch.segment_reduce(values, "sum", offsets=start, unsafe=True, initial=0)


def encode(
    vectors: torch.Tensor,
    first: torch.Tensor,
    first_bias: torch.Tensor,
    second: torch.Tensor,
    second_bias: torch.Tensor,
    third: torch.Tensor,
    on_edge: torch.Tensor,
    incidence: Incidence,
    edge_type: torch.dtype,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the first recurrence takes along the edges: edge and constant (E, C) (`Encode`).

    on_edge (C, C): W1 of `EdgeStep`, for those who multiply the edge by it already here.
    """
    return Encode.apply(vectors, first, first_bias, second, second_bias, third, incidence, edge_type)


def step(
    state: tuple[torch.Tensor, torch.Tensor],
    to: torch.Tensor,
    of: torch.Tensor,
    first: torch.Tensor,
    second: torch.Tensor,
    bias: torch.Tensor,
    incidence: Incidence,
    last: bool,
) -> tuple[tuple[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return what the next recurrence takes along the edges, and the sums (N, C) over edges into nodes (`EdgeStep`).

    state: of `encode` or the step before; last: no recurrence follows.
    """
    edge, constant = state
    differentiated = any(array.requires_grad for array in (edge, first, to))
    keep = torch.is_grad_enabled() and differentiated
    if not keep:
        # In place, in the processor's cache.
        return state, EdgeStep.computed(edge, edge, None, first, constant, to, of, second, bias, incidence)
    edge, total, constant = EdgeStep.apply(edge, first, constant, to, of, second, bias, incidence)
    return (edge, constant), total


class Encode(torch.autograd.Function):
    """The encoder of the edges, and what of it no recurrence changes.

    edge = relu(relu(vectors V + v) W + w); constant = edge U.

    vectors (E, 3); V (3, C); W, U (C, C); v, w (C,); edge, constant (E, C) of the type asked for: bfloat16, or that of
    the others. The vectors themselves are never rounded: bfloat16 would shift them by up to 0.004 sigma.
    """

    @staticmethod
    def forward(
        ctx: Any,
        vectors: torch.Tensor,
        first: torch.Tensor,
        first_bias: torch.Tensor,
        second: torch.Tensor,
        second_bias: torch.Tensor,
        third: torch.Tensor,
        incidence: Incidence,
        edge_type: torch.dtype,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        edge = vectors.new_empty(len(vectors), second.shape[1], dtype=edge_type)
        constant = torch.empty_like(edge)
        second, second_bias, third = (each.to(edge_type) for each in (second, second_bias, third))
        for _, _, a, b in incidence.pieces:
            hidden = torch.addmm(first_bias, vectors[a:b], first).relu_().to(edge_type)
            piece = torch.addmm(second_bias, hidden, second, out=edge[a:b]).relu_()
            torch.mm(piece, third, out=constant[a:b])
        ctx.save_for_backward(vectors, first, first_bias, second, third, edge)
        ctx.incidence = incidence
        return edge, constant

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_edge: torch.Tensor, grad_constant: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        vectors, first, first_bias, second, third, edge = ctx.saved_tensors
        grad_vectors = torch.empty_like(vectors) if ctx.needs_input_grad[0] else None
        grad_first, grad_first_bias = torch.zeros_like(first), torch.zeros_like(first_bias)
        grad_second, grad_third = (torch.zeros_like(each, dtype=first.dtype) for each in (second, third))
        grad_second_bias = torch.zeros_like(first_bias)
        for _, _, a, b in ctx.incidence.pieces:
            hidden = torch.addmm(first_bias, vectors[a:b], first).relu_().to(edge.dtype)
            grad_third += edge[a:b].T @ grad_constant[a:b]
            outer = torch.addmm(grad_edge[a:b], grad_constant[a:b], third.T)
            _mask(outer, edge[a:b])
            grad_second += hidden.T @ outer
            grad_second_bias += outer.sum(0, dtype=first.dtype)
            inner = outer @ second.T
            _mask(inner, hidden)
            inner = inner.to(first.dtype)
            grad_first += vectors[a:b].T @ inner
            grad_first_bias += inner.sum(0)
            if grad_vectors is not None:
                torch.mm(inner, first.T, out=grad_vectors[a:b])
        return grad_vectors, grad_first, grad_first_bias, grad_second, grad_second_bias, grad_third, None, None


class EdgeStep(torch.autograd.Function):
    """One edge update and its sum over the edges into each node.

    hidden = relu(edge W1 + constant + to[receiver] + of[sender]); updated = relu(hidden W2 + bias);
    total[i] = sum of updated over the edges into i.

    edge, constant, updated (E, C); W1, W2 (C, C); bias (C,); to, of, total (N, C). `constant` is handed on unchanged
    as a third output: its gradient is then summed in one array along the recurrences, not in one array for each.
    edge and constant may be bfloat16, the others float32: everything along the edges is then computed in bfloat16,
    sums over edges and over pieces in float32.
    """

    @staticmethod
    def forward(
        ctx: Any,
        edge: torch.Tensor,
        first: torch.Tensor,
        constant: torch.Tensor,
        to: torch.Tensor,
        of: torch.Tensor,
        second: torch.Tensor,
        bias: torch.Tensor,
        incidence: Incidence,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        updated, hidden = torch.empty_like(constant), torch.empty_like(constant)
        total = EdgeStep.computed(updated, edge, hidden, first, constant, to, of, second, bias, incidence)
        ctx.save_for_backward(edge, first.to(edge.dtype), second.to(edge.dtype), updated, hidden)
        ctx.incidence = incidence
        ctx.set_materialize_grads(False)
        return updated, total, constant.view_as(constant)

    @staticmethod
    def computed(
        updated: torch.Tensor,
        edge: torch.Tensor,
        hidden: torch.Tensor | None,
        first: torch.Tensor,
        constant: torch.Tensor,
        to: torch.Tensor,
        of: torch.Tensor,
        second: torch.Tensor,
        bias: torch.Tensor,
        incidence: Incidence,
    ) -> torch.Tensor:
        """Write `updated`, which may be the edges themselves, and `hidden` where it is kept; return the sums."""
        total = to.new_empty(to.shape)
        first, second, bias, to, of = (each.to(edge.dtype) for each in (first, second, bias, to, of))
        for first_node, last_node, a, b in incidence.pieces:
            kept = None if hidden is None else hidden[a:b]
            inner = torch.addmm(constant[a:b], edge[a:b], first, out=kept)
            inner += to.index_select(0, incidence.receivers[a:b])
            inner += of.index_select(0, incidence.senders[a:b])
            inner.relu_()
            piece = torch.addmm(bias, inner, second, out=updated[a:b]).relu_()
            starts = incidence.start[first_node : last_node + 1] - a
            total[first_node:last_node] = segment_sum(piece.to(total.dtype), starts)
        return total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(
        ctx: Any, grad_updated: torch.Tensor | None, grad_total: torch.Tensor, grad_constant: torch.Tensor | None
    ) -> tuple[torch.Tensor | None, ...]:
        edge, first, second, updated, hidden = ctx.saved_tensors
        _, first_wanted, _, to_wanted, _, second_wanted, *_ = ctx.needs_input_grad
        incidence = ctx.incidence
        grad = torch.empty_like(updated)
        grad_edge = torch.empty_like(edge)
        grad_to = torch.empty_like(grad_total)
        grad_first, grad_second = (torch.zeros_like(each, dtype=grad_to.dtype) for each in (first, second))
        grad_bias = grad_to.new_zeros(second.shape[1])
        grad_total = grad_total.to(edge.dtype)
        for first_node, last_node, a, b in incidence.pieces:
            inner = hidden[a:b]
            outer = grad_total.index_select(0, incidence.receivers[a:b])
            if grad_updated is not None:
                outer += grad_updated[a:b]
            _mask(outer, updated[a:b])
            if second_wanted:
                grad_second += inner.T @ outer
                grad_bias += outer.sum(0, dtype=grad_bias.dtype)
            piece = torch.mm(outer, second.T, out=grad[a:b])
            _mask(piece, inner)
            if first_wanted:
                grad_first += edge[a:b].T @ piece
            torch.mm(piece, first.T, out=grad_edge[a:b])
            starts = incidence.start[first_node : last_node + 1] - a
            if to_wanted:
                grad_to[first_node:last_node] = segment_sum(piece.to(grad_to.dtype), starts)
            if grad_constant is not None:
                grad_constant[a:b] += piece
        grad_of = segment_sum(grad, incidence.out_start, incidence.outgoing).to(grad_to.dtype) if to_wanted else None
        grad_constant = grad if grad_constant is None else grad_constant
        return grad_edge, grad_first, grad_constant, grad_to, grad_of, grad_second, grad_bias, None


def _mask(grad: torch.Tensor, output: torch.Tensor) -> None:
    """Set the gradient to 0, in place, where a ReLU returned 0."""
    torch.ops.aten.threshold_backward.grad_input(grad, output, 0, grad_input=grad)
