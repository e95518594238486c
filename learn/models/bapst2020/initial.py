"""Where training starts: weights drawn as published, or taken over from another network; the last layer, fitted."""

from collections.abc import Iterable
from typing import cast

import torch

from learn.models.bapst2020.model import Bapst2020, linear
from learn.models.checkpoint import Trained
from simulate.stage import seeds
from simulate.stage.command import InputError

BIAS = 0.1
# Of the ridge regression that fits the last layer, whose inputs have variance 1.
PENALTY = 1e-3


def draw(network: Bapst2020, seed: int) -> None:
    """Draw the weights as published: variance scaling 1.0 (truncated normal, inputs), biases 0.1."""
    random = torch.Generator().manual_seed(seeds.integer(seeds.generator(seed, "initialise")))
    for layer in network.modules():
        if isinstance(layer, torch.nn.Linear):
            # A normal distribution cut at two standard deviations has 0.8796 of the standard deviation.
            deviation = layer.in_features**-0.5 / 0.87962566
            # Drawn on the processor, wherever the network is.
            drawn = torch.empty(layer.weight.shape)
            torch.nn.init.trunc_normal_(drawn, std=deviation, a=-2 * deviation, b=2 * deviation, generator=random)
            with torch.no_grad():
                layer.weight.copy_(drawn)
            torch.nn.init.constant_(layer.bias, BIAS)


def take_over(network: Bapst2020, other: Trained, batches: Iterable) -> None:
    """Take over all weights of another network but the last layer's; fit that one to the targets (`fit_last_layer`).

    What the other network has learned to see of the structure serves other times and temperatures too. Raises
    InputError where it is of another kind.
    """
    if not isinstance(other.network, Bapst2020):
        raise InputError(f"--start: a {other.settings['model']}, expected bapst2020")
    last = f"decoder.{len(network.decoder) - 1}."
    weights = {name: weight for name, weight in other.network.state_dict().items() if not name.startswith(last)}
    network.load_state_dict(weights, strict=False)
    fit_last_layer(network, batches)


def fit_last_layer(network: Bapst2020, batches: Iterable) -> None:
    """Fit the last layer to the targets of A particles by ridge regression, in place; batches: `loop.Batch`."""
    whole, count = network.decoder, 0
    last, before = linear(whole, -1), linear(whole, -3)
    width = last.in_features
    device = last.weight.device
    products = torch.zeros((), dtype=torch.float64, device=device)
    network.decoder = cast(torch.nn.Sequential, whole[:-1])
    with torch.no_grad():
        for batch in batches:
            features = network.propagate(batch.types, batch.vectors, batch.incidence)[batch.chosen]
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
