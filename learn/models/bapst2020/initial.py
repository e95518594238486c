"""Where training starts: weights as published, or taken over from another network; the last layer, fitted."""

from collections.abc import Iterable
from typing import cast

import torch
from torch import nn

from learn.models.bapst2020.model import WIDTH, Bapst2020, linear
from learn.models.model import Trained
from learn.training.batch import Batch
from simulate.stage import seeds
from simulate.stage.command import InputError

BIAS = 0.1
# Of the ridge regression that fits the last layer, whose inputs have variance 1.
PENALTY = 1e-3


def as_published(network: Bapst2020, seed: int) -> None:
    """Sample the weights as published: variance scaling 1.0 (truncated normal, inputs), biases 0.1."""
    random = torch.Generator().manual_seed(seeds.integer(seeds.generator(seed, "initialise")))
    for layer in network.modules():
        if isinstance(layer, torch.nn.Linear):
            # A normal distribution cut at two standard deviations has 0.8796 of the standard deviation.
            deviation = layer.in_features**-0.5 / 0.87962566
            # On the processor, wherever the network is.
            sampled = torch.empty(layer.weight.shape)
            torch.nn.init.trunc_normal_(sampled, std=deviation, a=-2 * deviation, b=2 * deviation, generator=random)
            with torch.no_grad():
                layer.weight.copy_(sampled)
            torch.nn.init.constant_(layer.bias, BIAS)


class Centred(nn.Module):
    """A layer of the node update that sees the sums over edges less their mean and of order one.

    Training is quicker so. The weight and bias that it shows are those of the published network's layer, which sees
    the sums as they are: `weight`, `bias` of scale * (sum - centre) as functions of its own.
    """

    centre: torch.Tensor
    scale: torch.Tensor

    def __init__(self, layer: nn.Linear):
        super().__init__()
        self.layer, self.in_features = layer, layer.in_features
        self.register_buffer("centre", torch.zeros(WIDTH))
        self.register_buffer("scale", torch.ones(()))

    @property
    def weight(self) -> torch.Tensor:
        """The weight (WIDTH, 3 * WIDTH) on sums, nodes and encoded nodes."""
        return torch.cat([self.scale * self.layer.weight[:, :WIDTH], self.layer.weight[:, WIDTH:]], dim=1)

    @property
    def bias(self) -> torch.Tensor:
        """The bias (WIDTH,)."""
        return self.layer.bias - self.scale * self.layer.weight[:, :WIDTH] @ self.centre

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return the layer's output."""
        return nn.functional.linear(values, self.weight, self.bias)


def centre(network: Bapst2020) -> Centred:
    """Centre what the nodes see of the sums, by nothing so far; return the layer that does."""
    first = linear(network.node_update, 0)
    layer = Centred(first).to(first.weight.device)
    network.node_update[0] = layer
    return layer


def fold(network: Bapst2020) -> None:
    """Make the network one that sees the sums as they are, the published one; the function stays."""
    layer = network.node_update[0]
    if isinstance(layer, Centred):
        folded = nn.Linear(layer.in_features, WIDTH, device=layer.centre.device, dtype=layer.centre.dtype)
        folded.load_state_dict({"weight": layer.weight.detach(), "bias": layer.bias.detach()})
        network.node_update[0] = folded


def keep_outputs(network: Bapst2020, count: int) -> None:
    """Leave only the first outputs."""
    last = linear(network.decoder, -1)
    kept = nn.Linear(last.in_features, count, device=last.weight.device)
    kept.load_state_dict({"weight": last.weight[:count].detach(), "bias": last.bias[:count].detach()})
    network.decoder[-1] = kept


def take_over(network: Bapst2020, other: Trained, batches: Iterable[Batch]) -> None:
    """Take over all weights of another network but the last layer's; fit that one to the targets (`fit_last_layer`).

    What the other network has learned to see of the structure serves other times and temperatures too. Raises
    InputError where it is of another kind.
    """
    if other.network.name != network.name:
        raise InputError(f"--start: a {other.network.name}, expected {network.name}")
    last = f"decoder.{len(network.decoder) - 1}."
    weights = {name: weight for name, weight in other.network.state_dict().items() if not name.startswith(last)}
    network.load_state_dict(weights, strict=False)
    fit_last_layer(network, batches)


def fit_last_layer(network: Bapst2020, batches: Iterable[Batch]) -> None:
    """Fit the last layer to the targets of A particles by ridge regression, in place."""
    whole, count = network.decoder, 0
    last, before = linear(whole, -1), linear(whole, -3)
    width = last.in_features
    device = last.weight.device
    products = torch.zeros((), dtype=torch.float64, device=device)
    network.decoder = cast(torch.nn.Sequential, whole[:-1])
    with torch.no_grad():
        for batch in batches:
            features = network(batch.inputs)[batch.chosen]
            rows = torch.cat(
                [features.new_ones(len(features), 1), features, batch.wanted()[batch.chosen]], dim=1
            ).double()
            products, count = products + rows.T @ rows, count + len(rows)
        network.decoder = whole
        means = products[0] / count
        covariance = products / count - means[:, None] * means
        inputs, targets = slice(1, width + 1), slice(width + 1, None)
        deviation = covariance.diagonal()[inputs].sqrt()
        # A channel that says nothing here is left out.
        unit = torch.where(deviation > 1e-4 * deviation.max(), 1 / deviation, 0.0)
        related = covariance[inputs, inputs] * unit[:, None] * unit
        ridge = PENALTY * torch.eye(width, device=device)
        weight = torch.linalg.solve(related + ridge, unit[:, None] * covariance[inputs, targets])
        last.weight.copy_(weight.T)
        last.bias.copy_(means[targets] - (unit * means[inputs]) @ weight)
        # A ReLU passes positive factors through: channels of variance 1 keep the last layer's weights, and with them
        # the gradients behind it, of order 1.
        before.weight.mul_(unit[:, None])
        before.bias.mul_(unit)
