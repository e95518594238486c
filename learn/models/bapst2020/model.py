"""The network of Bapst et al., Nature Physics 16, 448 (2020), exactly; how it is computed is ours.

Encoders turn the type of a particle and the vector of an edge into 64 channels. Seven times one and the same graph
network updates edges, then nodes, each from its current and its encoded state (`Bapst2020.plain` is that, literally).
A decoder reads the nodes.
"""

from functools import partial
from typing import cast

import torch
from torch import nn

from learn.models.bapst2020.fast import edges, edges_device
from learn.models.bapst2020.fast.incidence import Incidence

WIDTH = 64
RECURRENCES = 7


def mlp(inputs: int, *widths: int) -> nn.Sequential:
    """Return linear layers, each followed by ReLU."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers)


def linear(part: nn.Sequential, place: int) -> nn.Linear:
    """Return the linear layer at a place in one of the network's parts."""
    return cast(nn.Linear, part[place])


class Bapst2020(nn.Module):
    """Predicts `outputs` numbers per particle from types and edge vectors.

    One output is the published network, for one time (62,401 parameters); more share everything but the last layer.
    """

    edge_centre: torch.Tensor
    decoder: nn.Sequential

    def __init__(self, outputs: int = 1):
        super().__init__()
        # Nodes see every sum over edges as (sum - edge_centre) * edge_scale; see `fold`.
        self.register_buffer("edge_centre", torch.zeros(WIDTH), persistent=False)
        self.edge_scale = 1.0
        # Less memory for a little more time (edges.EdgeStep).
        self.frugal = False
        # Of everything along the edges where it is not that of the nodes (edges.EdgeStep): torch.bfloat16.
        self.edge_type: torch.dtype | None = None
        self.node_encoder = mlp(1, WIDTH, WIDTH)
        self.edge_encoder = mlp(3, WIDTH, WIDTH)
        # Concatenation order: [edge, edge0, receiver, receiver0, sender, sender0].
        self.edge_update = mlp(6 * WIDTH, WIDTH, WIDTH)
        # Concatenation order: [sum of incoming edges, node, node0].
        self.node_update = mlp(3 * WIDTH, WIDTH, WIDTH)
        # ReLU follows every layer of the network but this last one.
        self.decoder = cast(nn.Sequential, mlp(WIDTH, WIDTH, WIDTH, outputs)[:-1])

    def fold(self) -> None:
        """Let nodes see the sums over edges as they are, and change the weights behind so that the function stays.

        So does the published network (scale 1, centre 0). Training is quicker where sums over some 40 edges are
        centred and of order one; folded afterwards, the result is the published network.
        """
        with torch.no_grad():
            first = linear(self.node_update, 0)
            first.bias.sub_(self.edge_scale * first.weight[:, :WIDTH] @ self.edge_centre)
            first.weight[:, :WIDTH] *= self.edge_scale
        self.edge_scale, self.edge_centre = 1.0, torch.zeros_like(self.edge_centre)

    def keep_outputs(self, count: int) -> None:
        """Leave only the first outputs."""
        last = linear(self.decoder, -1)
        kept = nn.Linear(last.in_features, count, device=last.weight.device)
        with torch.no_grad():
            kept.weight.copy_(last.weight[:count])
            kept.bias.copy_(last.bias[:count])
        self.decoder[-1] = kept

    def plain(
        self, types: torch.Tensor, vectors: torch.Tensor, senders: torch.Tensor, receivers: torch.Tensor
    ) -> torch.Tensor:
        """Return what `forward` returns, computed as the paper writes it."""
        node = node0 = self.node_encoder(types[:, None].to(vectors.dtype))
        edge = edge0 = self.edge_encoder(vectors)
        for _ in range(RECURRENCES):
            nodes = torch.cat([node, node0], dim=1)
            edge = self.edge_update(torch.cat([edge, edge0, nodes[receivers], nodes[senders]], dim=1))
            incoming = torch.zeros_like(node).index_add(0, receivers, edge)
            node = self.node_update(torch.cat([self.edge_scale * (incoming - self.edge_centre), node, node0], dim=1))
        return self.decoder(node)

    def forward(
        self, types: torch.Tensor, vectors: torch.Tensor, senders: torch.Tensor, receivers: torch.Tensor
    ) -> torch.Tensor:
        """Return predictions (N, outputs) from types (N,), vectors (E, 3), senders (E,), receivers (E,).

        The same function as `plain`, equal to rounding: the first edge layer acts on node features before they are
        gathered along edges, so the 384 columns per edge are never built, and its part from the encoded input is
        computed once, not in every recurrence.
        """
        if not bool((receivers[1:] >= receivers[:-1]).all()):
            order = torch.argsort(receivers, stable=True)
            vectors, senders, receivers = vectors[order], senders[order], receivers[order]
        incidence = Incidence.of(senders, receivers, len(types))
        return self.propagate(types, vectors, incidence)

    def propagate(self, types: torch.Tensor, vectors: torch.Tensor, incidence: Incidence) -> torch.Tensor:
        """Return what `forward` returns, for an incidence made beforehand (edges sorted by receiver)."""
        fused = edges_device.usable(vectors, incidence)
        encode = edges_device.encode if fused else edges.encode
        step = edges_device.step if fused else partial(edges.step, frugal=self.frugal)
        node = node0 = self.node_encoder(types[:, None].to(vectors.dtype))
        first, second = linear(self.edge_update, 0), linear(self.edge_update, 2)
        on_edge, on_edge0, on_to, on_to0, on_of, on_of0 = first.weight.T.split(WIDTH)
        inner, outer = linear(self.edge_encoder, 0), linear(self.edge_encoder, 2)
        state = encode(
            *(vectors, inner.weight.T, inner.bias, outer.weight.T, outer.bias, on_edge0, on_edge),
            *(incidence, self.edge_type or vectors.dtype),
        )
        to0, of0 = node0 @ on_to0 + first.bias, node0 @ on_of0
        on_sum, on_node, on_node0 = linear(self.node_update, 0).weight.T.split(WIDTH)
        on_sum = self.edge_scale * on_sum
        from_node0 = node0 @ on_node0 + linear(self.node_update, 0).bias - self.edge_centre @ on_sum
        for recurrence in range(1, RECURRENCES + 1):
            to, of = node @ on_to + to0, node @ on_of + of0
            last = recurrence == RECURRENCES
            state, total = step(state, to, of, on_edge, second.weight.T, second.bias, incidence, last)
            node = self.node_update[1:](total @ on_sum + node @ on_node + from_node0)
        return self.decoder(node)
