"""The network of Bapst et al., Nature Physics 16, 448 (2020), exactly; how it is computed is ours.

Encoders turn the type of a particle and the vector of an edge into 64 channels. Seven times one and the same graph
network updates edges, then nodes, each from its current and its encoded state (`Bapst2020.plain` is that, literally).
A decoder reads the nodes.
"""

import torch
from torch import nn

from learn.edges import EdgeStep, Incidence, segment_sum

WIDTH = 64
RECURRENCES = 7


def mlp(inputs: int, *widths: int) -> nn.Sequential:
    """Return linear layers with ReLU after each but the last."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers[:-1])


class Bapst2020(nn.Module):
    """Predicts `outputs` numbers per particle from types and edge vectors.

    One output is the published network, for one time (62,401 parameters); more share everything but the last layer.
    """

    def __init__(self, outputs: int = 1):
        super().__init__()
        self.outputs = outputs
        self.node_encoder = mlp(1, WIDTH, WIDTH)
        self.edge_encoder = mlp(3, WIDTH, WIDTH)
        # Concatenation order: [edge, edge0, receiver, receiver0, sender, sender0].
        self.edge_update = mlp(6 * WIDTH, WIDTH, WIDTH)
        # Concatenation order: [sum of incoming edges, node, node0].
        self.node_update = mlp(3 * WIDTH, WIDTH, WIDTH)
        self.decoder = mlp(WIDTH, WIDTH, WIDTH, outputs)

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
            node = self.node_update(torch.cat([incoming, node, node0], dim=1))
        return self.decoder(node)

    def forward(
        self, types: torch.Tensor, vectors: torch.Tensor, senders: torch.Tensor, receivers: torch.Tensor
    ) -> torch.Tensor:
        """Return predictions (N, outputs) from types (N,), vectors (E, 3), senders (E,), receivers (E,).

        The same function as `plain`, equal to rounding, in about half its arithmetic and a third of its memory:
        - the first edge layer acts on node features before they are gathered along edges (64 columns per edge are
          built where 384 were), and its part from the encoded input once, not in every recurrence;
        - the second, linear edge layer is never applied to edges: it is multiplied into the layers that follow
          it, the next recurrence's first edge layer and, behind the sum, the node layer.
        """
        if not bool((receivers[1:] >= receivers[:-1]).all()):
            order = torch.argsort(receivers, stable=True)
            vectors, senders, receivers = vectors[order], senders[order], receivers[order]
        incidence = Incidence.of(senders, receivers, len(types))
        return self.propagate(types, vectors, incidence)

    def propagate(self, types: torch.Tensor, vectors: torch.Tensor, incidence: Incidence) -> torch.Tensor:
        """Return what `forward` returns, for an incidence made beforehand (edges sorted by receiver)."""
        node = node0 = self.node_encoder(types[:, None].to(vectors.dtype))
        hidden = torch.relu(self.edge_encoder[0](vectors))
        linear = self.edge_encoder[2]
        first, second = self.edge_update[0], self.edge_update[2]
        on_edge, on_edge0, on_to, on_to0, on_of, on_of0 = first.weight.split(WIDTH, dim=1)
        constant = hidden @ (on_edge0 @ linear.weight).T
        to0 = node0 @ on_to0.T + (first.bias + on_edge0 @ linear.bias)
        of0 = node0 @ on_of0.T
        degree = incidence.start.diff().to(vectors.dtype)[:, None]
        on_sum, on_node, on_node0 = self.node_update[0].weight.split(WIDTH, dim=1)
        from_node0 = node0 @ on_node0.T + self.node_update[0].bias + degree * (on_sum @ second.bias)
        after_first = self.node_update[1:]
        for _ in range(RECURRENCES):
            to = node @ on_to.T + to0 + on_edge @ linear.bias
            of = node @ on_of.T + of0
            hidden, total, constant = EdgeStep.apply(hidden, (on_edge @ linear.weight).T, constant, to, of, incidence)
            linear = second
            node = after_first(total @ (on_sum @ second.weight).T + node @ on_node.T + from_node0)
        return self.decoder(node)
