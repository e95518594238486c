"""The model `pairs`: the mean of the linear model and of networks on pairs, fitted to the same configurations.

    propensity = level + (differences by the linear model + width * mean over networks) / 2

The level of a configuration and species is the linear model's; it says within a configuration half, the networks the
other half, in units of the width that the propensity of a species has in training configurations. In the default run
one network alone is about .01 below the linear model at tau_alpha and three together no better than it, while the mean
of both is above it at every time: they err differently (docs/learning.md). The spread of the networks is that of their
seeds, no error of the prediction.

Where shells ask, distances and projections follow the vectors; the numbers of the particles (`own`, and with them all
that the linear model says) and their displacements are held. Removal leaves a subgraph.
"""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from learn.data.inputs import Inputs
from learn.models.linear.model import Linear
from learn.models.model import Model, Task, Trained
from learn.models.pairs.inputs import ARROWS, Described, describe, own_columns
from learn.models.pairs.network import Network, count, functions, outputs
from learn.models.pairs.sums import Edges
from simulate.liquid.configuration import Configuration
from simulate.stage import options

# Edges whose functions are in memory at once where nothing is to be learned: 48 numbers each.
EDGES_AT_ONCE = 400_000


class Pairs(Model):
    """The linear model and `members` networks of `layers` layers, on a rung of GIVEN; width (2, M) in sigma."""

    name = "pairs"
    node_scale: torch.Tensor
    edge_mean: torch.Tensor
    edge_scale: torch.Tensor
    width: torch.Tensor

    def __init__(self, times: int, rung: int = 3, layers: int = 3, members: int = 3):
        super().__init__()
        self.times, self.rung = times, rung
        self.linear = Linear(times, given=rung)
        own, edge_functions = own_columns(rung), count(rung)
        self.networks = nn.ModuleList(Network(own, edge_functions, times, layers) for _ in range(members))
        self.register_buffer("node_scale", torch.ones(2, own))
        self.register_buffer("edge_mean", torch.zeros(edge_functions, 1))
        self.register_buffer("edge_scale", torch.ones(edge_functions, 1))
        self.register_buffer("width", torch.ones(2, times))

    @classmethod
    def build(cls, settings: Mapping[str, Any], outputs: int) -> "Pairs":
        """Return the model that a file with these settings holds."""
        return cls(outputs, settings["given"], settings["layers"], settings["members"])

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        """Add what the model is given, its size, and how long it learns."""
        add = parser.add_argument
        rungs = "1: positions; 2: + minimisation; 3: + trajectory from rest (3)"
        add("--given", type=int, choices=(1, 2, 3), default=3, help=rungs)
        add("--layers", type=options.natural, default=3, help="exchanges of messages: how many edges it sees (3)")
        add("--members", type=options.count, default=3, help="networks from different first weights (3)")
        add("--steps", type=options.count, default=250, help="of one configuration each (250)")

    @classmethod
    def trained(cls, task: Task) -> tuple[Trained, list[dict]]:
        """Fit the linear model, then train the networks."""
        from learn.models.pairs import training

        return training.train(task)

    def inputs(self, structure: Configuration) -> Inputs:
        """Return the graph of a configuration, with what is known of its particles."""
        return self.completed(describe(structure, self.linear))

    def completed(self, known: Described) -> Inputs:
        """Return the inputs with the linear model's share of the prediction, (N, M), as last columns."""
        # The model is linear: half of the features is half of the differences within the configuration.
        features = torch.from_numpy(known.features / 2).to(self.width.device)
        level = features.new_full((len(features), 1), known.level)
        types = known.inputs.types
        half = self.linear.of(types.to(features.device), features, level).to(known.inputs.nodes)
        nodes = torch.cat([known.inputs.nodes, half], dim=1)
        return replace(known.inputs, nodes=nodes)

    def members(self, inputs: Inputs) -> torch.Tensor:
        """Return the propensity (K, N, M) by each network, with the linear model; sigma."""
        return inputs.nodes[:, -self.times :] + 0.5 * self.width[inputs.types] * self.standardised(inputs)

    def forward(self, inputs: Inputs) -> torch.Tensor:
        """Return the propensity (N, M), sigma."""
        return self.members(inputs).mean(dim=0)

    def standardised(self, inputs: Inputs) -> torch.Tensor:
        """Return what the networks alone say, (K, N, M): mean 0 and variance 1 in a configuration and species."""
        is_b = (inputs.types == 1).to(inputs.nodes.dtype)[:, None]
        own = inputs.nodes[:, : self.node_scale.shape[1]] / self.node_scale[inputs.types]
        first = self._index(inputs)[0]
        share = 1 / (first[1:] - first[:-1]).clamp(min=1).to(own.dtype)[:, None]
        return outputs([*self.networks], own, is_b, share, self._edges(inputs, is_b))

    def standardise(self, examples: Sequence[Inputs]) -> None:
        """Set the scales of nodes and edges from training configurations, in place."""
        types = torch.cat([each.types for each in examples])
        own = torch.cat([each.nodes[:, : self.node_scale.shape[1]] for each in examples]).double()
        for species in (0, 1):
            if (types == species).any():
                scale = own[types == species].std(dim=0, unbiased=False)
                self.node_scale[species] = torch.where(scale > 1e-8, scale, 1.0)
        # Hundreds of thousands of edges are enough.
        values = torch.cat([self._functions(each, slice(None)) for each in examples[:2]], dim=1)
        self.edge_mean.copy_(values.mean(dim=1, keepdim=True))
        self.edge_scale.copy_(values.std(dim=1, keepdim=True).clamp(min=1e-6))

    def _functions(self, inputs: Inputs, chosen: slice) -> torch.Tensor:
        begin = self.node_scale.shape[1]
        arrows = inputs.nodes[:, begin : begin + 3 * ARROWS[self.rung]].unflatten(1, (ARROWS[self.rung], 3))
        ends = inputs.senders[chosen], inputs.receivers[chosen]
        return functions(inputs.vectors[:, chosen], arrows, *ends)

    def _index(self, inputs: Inputs) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return first (N + 1,), senders int32 and reverse (E,), as of `sums.Edges`; they stay as long as the edges."""
        if "pairs" not in inputs.memory:
            n, senders, receivers = len(inputs.types), inputs.senders, inputs.receivers
            first = torch.searchsorted(receivers, torch.arange(n + 1, device=receivers.device)).int()
            reverse = torch.searchsorted(receivers * n + senders, senders * n + receivers)
            inputs.memory["pairs"] = first, senders.int(), reverse
        found: tuple[torch.Tensor, torch.Tensor, torch.Tensor] = inputs.memory["pairs"]
        return found

    def _edges(self, inputs: Inputs, is_b: torch.Tensor) -> Callable[[], Iterable[Edges]]:
        """Return a function that gives the edges, all at once, or by pieces of the particles they lead to."""
        first, senders, reverse = self._index(inputs)
        limits = [0, len(inputs.types)]
        if not torch.is_grad_enabled():
            pieces = -(-len(senders) // EDGES_AT_ONCE) or 1
            limits = [len(inputs.types) * piece // pieces for piece in range(pieces + 1)]

        def piece(begin: int, end: int) -> Edges:
            of = slice(int(first[begin]), int(first[end]))
            values = (self._functions(inputs, of) - self.edge_mean) / self.edge_scale
            values = torch.cat([values, torch.ones_like(values[:1])])
            return Edges(first[begin : end + 1] - first[begin], senders[of], values, is_b[begin:end], reverse)

        if len(limits) == 2:
            only = [piece(*limits)]
            return lambda: only
        return lambda: (piece(*ends) for ends in pairwise(limits))
