"""One pass over the edges of a graph on a GPU: kernels that keep everything of an edge on the chip.

What a recurrence reads and writes along the edges decides how long it takes, so it carries not the edge state but what
the next recurrence makes of it, `inner = edge W1 + constant` (`edges` has the words): forward then reads inner
and constant and writes the next inner; backward reads inner and the gradient of the next and writes its own. Everything
else is computed again from these. Forward, a tile is a run of whole nodes, so that sums over
the edges into a node stay inside; backward, sums over edges are a kernel of their own. No sum depends on chance: same
input, same bits.
"""

from typing import Any

import torch

from learn.models.bapst2020.fast.incidence import TILE_EDGES, TILE_NODES, Incidence

try:
    from learn.models.bapst2020.fast import edges_kernels as kernels
except ImportError:
    kernels = None  # type: ignore[assignment]

# Edges at once where nodes do not matter.
BLOCK = 64
# How float32 is multiplied: "tf32x3", to float32's own rounding; "bf16x3", a third quicker and good to 2e-5 in outputs
# and gradients; "tf32", to 2^-11; "ieee", without tensor cores.
PRECISION = "bf16x3"
# Programs per multiprocessor, and warps of a program: forward, backward, encoder forward, encoder backward.
PROGRAMS = (2, 2, 2, 2)
WARPS = (8, 4, 4, 4)
STAGES = 1


def usable(vectors: torch.Tensor, incidence: Incidence) -> bool:
    """Return whether these kernels can take a graph: float32 on a GPU, no node with more edges than a tile."""
    return kernels is not None and vectors.is_cuda and vectors.dtype == torch.float32 and incidence.tiles is not None


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
    """Return inner and constant (E, C) of the first recurrence; arguments as in `edges.encode`."""
    return Encode.apply(vectors, first, first_bias, second, second_bias, third, third + on_edge, incidence, edge_type)


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
    """Return the next state and the sums over edges (N, C); arguments as in `edges.step`."""
    inner, constant = state
    after, total, constant = EdgeStep.apply(inner, constant, to, of, second, bias, first, incidence, last)
    return (after, constant), total


class Encode(torch.autograd.Function):
    """edge = relu(relu(vectors V + v) W + w); inner = edge U'; constant = edge U: `edges.Encode`, U' = U + W1."""

    @staticmethod
    def forward(ctx: Any, vectors: torch.Tensor, *arguments: Any) -> tuple[torch.Tensor, torch.Tensor]:
        *weights, incidence, edge_type = arguments
        weights = [weight.contiguous() for weight in weights]
        inner = torch.empty(len(vectors), weights[2].shape[1], dtype=edge_type, device=vectors.device)
        constant = torch.empty_like(inner)
        grid, options = _launch(vectors, 2)
        options["C"] = inner.shape[1]
        narrow = _narrow(weights, edge_type)
        kernels.encode_forward[grid](vectors, *narrow, incidence.tiles.size, inner, constant, **options)
        ctx.save_for_backward(vectors, *weights)
        ctx.size = incidence.tiles.size
        return inner, constant

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_inner: torch.Tensor, grad_constant: torch.Tensor) -> tuple[Any, ...]:
        vectors, *weights = ctx.saved_tensors
        grad_vectors = torch.zeros_like(vectors) if ctx.needs_input_grad[0] else None
        grid, options = _launch(vectors, 3)
        options["C"] = width = grad_inner.shape[1]
        # Gradients of U', U, W (C, C), of V, v (4 of 16 rows), of w (1 row).
        partial = vectors.new_empty(grid[0], 3 * width + 17, width)
        narrow = _narrow(weights, grad_inner.dtype)
        kernels.encode_backward[grid](
            *(vectors, *narrow, ctx.size, grad_inner, grad_constant),
            *(vectors if grad_vectors is None else grad_vectors, partial),
            VECTORS=grad_vectors is not None,
            **options,
        )
        both, third, second, first, second_bias = partial.sum(0).split([width, width, width, 16, 1])
        return grad_vectors, first[:3], first[3], second, second_bias[0], third, both, None, None


class EdgeStep(torch.autograd.Function):
    """One edge update and its sum over the edges into each node, as `edges.EdgeStep`, between inner states.

    hidden = relu(inner + to[receiver] + of[sender]); updated = relu(hidden W2 + bias); total[i] = sum of updated over
    the edges into i; the next inner = updated W1 + constant, or nothing after the last recurrence.
    """

    @staticmethod
    def forward(
        ctx: Any,
        inner: torch.Tensor,
        constant: torch.Tensor,
        to: torch.Tensor,
        of: torch.Tensor,
        second: torch.Tensor,
        bias: torch.Tensor,
        first: torch.Tensor,
        incidence: Incidence,
        last: bool,
    ) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor]:
        assert incidence.tiles is not None
        second, bias, first = second.contiguous(), bias.contiguous(), first.contiguous()
        after = None if last else torch.empty_like(inner)
        total = torch.empty_like(to)
        grid, options = _launch(inner, 0)
        options["C"] = inner.shape[1]
        weights = second.to(inner.dtype), bias, first.to(inner.dtype)
        kernels.step_forward[grid](
            *(inner, constant, to, of, *weights, incidence.senders, incidence.receivers),
            *(incidence.tiles.table, incidence.tiles.size),
            *(inner if after is None else after, total),
            LAST=last,
            **options,
        )
        ctx.save_for_backward(inner, to, of, second, bias, first)
        ctx.incidence = incidence
        ctx.set_materialize_grads(False)
        return after, total, constant.view_as(constant)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(
        ctx: Any, grad_after: torch.Tensor | None, grad_total: torch.Tensor, grad_constant: torch.Tensor | None
    ) -> tuple[Any, ...]:
        inner, to, of, second, bias, first = ctx.saved_tensors
        incidence = ctx.incidence
        grad, grad_to, grad_of = torch.empty_like(inner), torch.empty_like(to), torch.empty_like(of)
        grid, options = _launch(inner, 1)
        options["C"] = width = inner.shape[1]
        # Gradients of W1, W2 (C, C) and of the bias (1 row).
        partial = to.new_empty(grid[0], 2 * width + 1, width)
        weights = second.to(inner.dtype), bias, first.to(inner.dtype)
        has_after, adds = grad_after is not None, grad_constant is not None and grad_after is not None
        kernels.step_backward[grid](
            *(inner, to, of, *weights, incidence.senders, incidence.receivers, incidence.tiles.size),
            *(grad_after if has_after else inner, grad_total.contiguous()),
            *(grad_constant if adds else inner, grad, partial),
            AFTER=has_after,
            ADDS=adds,
            **options,
        )
        # The gradient of what all recurrences share is summed in one array: the first to arrive becomes that array.
        grad_constant = grad_after if grad_constant is None else grad_constant
        ends = incidence.start, incidence.outgoing, incidence.out_start
        kernels.sums[(len(to),)](grad, *ends, grad_to, grad_of, C=width, ROWS=32, num_warps=2)
        first_grad, second_grad, bias_grad = partial.sum(0).split([width, width, 1])
        return grad, grad_constant, grad_to, grad_of, second_grad, bias_grad[0], first_grad, None, None


def _narrow(weights: list[torch.Tensor], edge_type: torch.dtype) -> list[torch.Tensor]:
    """Return the encoder's weights: those that multiply edges in their type, what touches the vectors as it is."""
    first, first_bias, second, second_bias, third, both = weights
    return [first, first_bias, second.to(edge_type), second_bias, third.to(edge_type), both.to(edge_type)]


def _launch(edges: torch.Tensor, kernel: int) -> tuple[tuple[int], dict]:
    """Return the grid and the options of a kernel."""
    count = 2
    if edges.is_cuda:
        count = PROGRAMS[kernel] * torch.cuda.get_device_properties(edges.device).multi_processor_count
    options: dict[str, Any] = {"PRECISION": PRECISION, "num_warps": WARPS[kernel], "num_stages": STAGES}
    options |= {"BLOCK": TILE_EDGES, "NODES": TILE_NODES} if kernel == 0 else {"BLOCK": BLOCK}
    return (count,), options
