"""The published network, computed quickly: the same function as its `plain`, equal to rounding.

`forward` is the door. Without this folder everything works, `plain` computes. The first edge layer acts on node
features before they are gathered along edges, so the 384 columns per edge are never built, and its part from the
encoded input is computed once, not in every recurrence. `edges` goes through the edges on a processor, `edges_device`
with its `edges_kernels` on a GPU, along an `incidence`; `capture` records what a training step computes on a GPU.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import nn

from learn.data.inputs import Inputs
from learn.models.bapst2020.fast import capture, edges, edges_device
from learn.models.bapst2020.fast.incidence import Incidence
from learn.models.bapst2020.fast.union import Union

if TYPE_CHECKING:
    from learn.models.bapst2020.model import Bapst2020
    from learn.models.model import Piece


def forward(network: "Bapst2020", inputs: Inputs, within: Sequence[int] | None = None) -> torch.Tensor:
    """Return predictions (N, outputs).

    within: for each number of edges from 0, how many particles, the first ones, lie so near to a marked one. Then it
    returns predictions for the marked ones only, and a recurrence updates no more than what can still reach them.
    """
    incidence = Incidence.of(inputs)
    (vectors,) = inputs.vectors
    fused = within is None and edges_device.usable(vectors, incidence)
    encode, step = (edges_device.encode, edges_device.step) if fused else (edges.encode, edges.step)
    inner, outer = _linear(network.edge_encoder)
    first, second = _linear(network.edge_update)
    third, update_nodes = cast(nn.Linear, network.node_update[0]), network.node_update[1:]
    on_edge, on_edge0, on_to, on_to0, on_of, on_of0 = first.weight.T.chunk(6)
    on_sum, on_node, on_node0 = third.weight.T.chunk(3)
    node = node0 = network.node_encoder(inputs.types[:, None].to(vectors.dtype))
    state = encode(
        *(vectors, inner.weight.T, inner.bias, outer.weight.T, outer.bias, on_edge0, on_edge),
        *(incidence, network.precision or vectors.dtype),
    )
    to0, of0 = node0 @ on_to0 + first.bias, node0 @ on_of0
    from_node0 = node0 @ on_node0 + third.bias
    for left in reversed(range(network.recurrences)):
        if within is not None:
            incidence = incidence.into(within[left], len(node))
            edge, constant = state
            state = edge[: len(incidence.senders)], constant[: len(incidence.senders)]
        count = len(incidence.start) - 1
        to, of = node[:count] @ on_to + to0[:count], node @ on_of + of0[: len(node)]
        state, total = step(state, to, of, on_edge, second.weight.T, second.bias, incidence, left == 0)
        node = update_nodes(total @ on_sum + node[:count] @ on_node + from_node0[:count])
    return cast(torch.Tensor, network.decoder(node))


def _linear(part: nn.Sequential) -> tuple[nn.Linear, nn.Linear]:
    return cast(nn.Linear, part[0]), cast(nn.Linear, part[2])


def marked(network: "Bapst2020", pieces: Sequence["Piece"]) -> torch.Tensor:
    """Return predictions (pieces, outputs) for the marked particles, each its piece's first."""
    union = Union.of(pieces, network.recurrences)
    return forward(network, union.inputs, union.within)


def recorded(backward: Callable, on_gpu: bool) -> Callable:
    """Return the function batch -> loss that leaves gradients, recorded on a GPU."""
    return capture.Recorded(backward) if on_gpu else backward
