"""The network of Bapst et al., Nature Physics 16, 448 (2020), exactly.

Encoders turn the type of a particle and the vector of an edge into 64 channels. Seven times one and the same graph
network updates edges, then nodes, each from its current and its encoded state. A decoder reads the nodes. `plain` is
that, literally; `fast` computes the same quicker and is not needed to understand it, or to run it.
"""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import nn
from torch_scatter import scatter

from learn.data import graph
from learn.data.inputs import Inputs
from learn.models.model import Model, Piece, Task, Trained
from simulate.liquid.configuration import Configuration

try:
    from learn.models.bapst2020 import fast
except ImportError:
    fast = None  # type: ignore[assignment]

WIDTH = 64
RECURRENCES = 7


def mlp(inputs: int, *widths: int) -> nn.Sequential:
    """Return linear layers, each followed by ReLU."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers)


def linear(part: nn.Module, place: int) -> nn.Linear:
    """Return the linear layer at a place in one of the network's parts."""
    return cast(nn.Linear, cast(nn.Sequential, part)[place])


class Bapst2020(Model):
    """Predicts `outputs` numbers per particle from types and the vectors of edges, pairs closer than `cutoff`.

    One output is the published network, for one time (62,401 parameters); more share everything but the last layer.
    precision: of everything along the edges where it is not that of the nodes (torch.bfloat16; `fast` only).
    """

    name = "bapst2020"
    node_encoder: nn.Sequential
    decoder: nn.Sequential

    def __init__(self, outputs: int = 1, cutoff: float = graph.CUTOFF, recurrences: int = RECURRENCES):
        super().__init__()
        self.cutoff, self.recurrences = cutoff, recurrences
        self.precision: torch.dtype | None = None
        self.node_encoder = mlp(1, WIDTH, WIDTH)
        self.edge_encoder = mlp(3, WIDTH, WIDTH)
        # Concatenation order: [edge, edge0, receiver, receiver0, sender, sender0].
        self.edge_update = mlp(6 * WIDTH, WIDTH, WIDTH)
        # Concatenation order: [sum of incoming edges, node, node0].
        self.node_update = mlp(3 * WIDTH, WIDTH, WIDTH)
        # ReLU follows every layer of the network but this last one.
        self.decoder = cast(nn.Sequential, mlp(WIDTH, WIDTH, WIDTH, outputs)[:-1])

    def plain(self, inputs: Inputs) -> torch.Tensor:
        """Return predictions (N, outputs), computed as the paper writes it."""
        (vectors,), senders, receivers = inputs.vectors, inputs.senders, inputs.receivers
        node = node0 = self.node_encoder(inputs.types[:, None].to(vectors.dtype))
        edge = edge0 = self.edge_encoder(vectors)
        for _ in range(self.recurrences):
            nodes = torch.cat([node, node0], dim=1)
            edge = self.edge_update(torch.cat([edge, edge0, nodes[receivers], nodes[senders]], dim=1))
            incoming = scatter(edge, receivers, dim=0, dim_size=len(node), reduce="sum")
            node = self.node_update(torch.cat([incoming, node, node0], dim=1))
        return cast(torch.Tensor, self.decoder(node))

    def forward(self, inputs: Inputs) -> torch.Tensor:
        """Return predictions (N, outputs)."""
        return self.plain(inputs) if fast is None else fast.forward(self, inputs)

    def marked(self, pieces: Sequence[Piece]) -> torch.Tensor:
        """Return predictions (pieces, outputs) for the marked particles."""
        return super().marked(pieces) if fast is None else fast.marked(self, pieces)

    def inputs(self, structure: Configuration) -> Inputs:
        """Return the graph of a configuration's thermal positions."""
        return Inputs.of(graph.build(structure.positions, structure.types, structure.box, self.cutoff))

    @classmethod
    def build(cls, settings: Mapping[str, Any], outputs: int) -> "Bapst2020":
        """Return the network that a file with these settings holds."""
        return cls(outputs, settings.get("cutoff", graph.CUTOFF), settings.get("recurrences", RECURRENCES))

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        """Add the options of `recipe`."""
        from learn.models.bapst2020 import recipe

        recipe.add_options(parser)

    @classmethod
    def trained(cls, task: Task) -> tuple[Trained, list[dict]]:
        """Train by a recipe."""
        from learn.models.bapst2020 import training

        return training.train(task)
