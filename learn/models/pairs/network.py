"""The network: particles exchange messages whose filters are linear in what is known of each edge.

    h_i = embedding of the particle's own numbers, one linear map per species
    m_i = mean_j [sum_k w[t_i, k] e_k(ij)] * (A LayerNorm(h_j))          per channel, one filter per receiver's species
    h_i <- h_i + MLP(LayerNorm(h_i), m_i)
    output = read-out of h_i, one per species, all times at once

e_k: Gaussians of the distance in each configuration, its change, and projections of displacements on the edge and on
each other, so that the output is invariant under translation, rotation and reflection. With L layers it depends on
particles up to L edges away; with none on the particle's own numbers alone.
"""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import nn

from learn.models.pairs.inputs import ARROWS, CUTOFF
from learn.models.pairs.sums import Edges, summed

NEAREST, GAUSSIANS = 0.8, 12
WIDTH = SENT = 32


def count(rung: int) -> int:
    """Return the number K of edge functions, the constant left out."""
    return GAUSSIANS * min(rung, 2) + (rung > 1) + 3 * ARROWS[rung]


def functions(
    vectors: torch.Tensor, arrows: torch.Tensor, senders: torch.Tensor, receivers: torch.Tensor
) -> torch.Tensor:
    """Return the edge functions (K, E) of vectors (S, E, 3), S = 1 or 2, and arrows (N, F, 3) of the particles."""
    lengths = vectors.square().sum(dim=2).sqrt()
    centres = torch.linspace(NEAREST, CUTOFF, GAUSSIANS, dtype=vectors.dtype, device=vectors.device)[:, None]
    width = (CUTOFF - NEAREST) / (GAUSSIANS - 1)
    found = [torch.exp(-0.5 * ((length - centres) / width) ** 2) for length in lengths]
    if len(vectors) == 2:
        found.append((lengths[1] - lengths[0])[None])
    directions = vectors / lengths[:, :, None]
    for number in range(arrows.shape[1]):
        # The displacement from the inherent structure along its own edges, those after a release along thermal ones.
        direction = directions[1 if number == 0 else 0]
        to, by = arrows[receivers, number], arrows[senders, number]
        found.append(torch.stack([(to * direction).sum(1), (by * direction).sum(1), (to * by).sum(1)]))
    return torch.cat(found)


class Network(nn.Module):
    """Predicts standardised propensities (N, M) from standardised numbers (N, columns) and K edge functions."""

    def __init__(self, columns: int, edge_functions: int, outputs: int, layers: int):
        super().__init__()
        self.outputs = outputs
        self.embedding = nn.Linear(2 * columns + 2, WIDTH)
        # One function more: a constant.
        self.layers = nn.ModuleList(_Layer(edge_functions + 1) for _ in range(layers))
        self.norm = nn.LayerNorm(WIDTH)
        self.last = _mlp(WIDTH)
        self.readout = nn.Linear(WIDTH, 2 * outputs)

    def read(self, h: torch.Tensor, is_b: torch.Tensor) -> torch.Tensor:
        """Return the outputs (N, M) of h (N, WIDTH) after the last layer."""
        h = self.norm(h)
        output = self.readout(h + self.last(h)).unflatten(1, (2, self.outputs))
        return torch.where(is_b > 0, output[:, 1], output[:, 0])


def outputs(
    networks: Sequence[Network],
    own: torch.Tensor,
    is_b: torch.Tensor,
    share: torch.Tensor,
    edges: Callable[[], Iterable[Edges]],
) -> torch.Tensor:
    """Return what each network says, (networks, N, M); all exchange messages at once, each its own.

    is_b (N, 1); share (N, 1): one over the number of neighbours; edges: piece by piece.
    """
    first = torch.cat([own * (1 - is_b), own * is_b, 1 - is_b, is_b], dim=1)
    each = [network.embedding(first) for network in networks]
    for layers in zip(*(network.layers for network in networks), strict=True):
        sent = torch.cat([layer.send(layer.norm(h)) for layer, h in zip(layers, each, strict=True)], dim=1)
        filters = torch.cat([layer.filter for layer in layers], dim=2)
        messages = share * torch.cat([summed(sent, filters, piece) for piece in edges()])
        received = messages.split(SENT, dim=1)
        each = [layer(h, message) for layer, h, message in zip(layers, each, received, strict=True)]
    return torch.stack([network.read(h, is_b) for network, h in zip(networks, each, strict=True)])


class _Layer(nn.Module):
    def __init__(self, edge_functions: int):
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.send = nn.Linear(WIDTH, SENT)
        self.filter = nn.Parameter(torch.randn(2, edge_functions, SENT) / edge_functions**0.5)
        self.update = _mlp(WIDTH + SENT)

    def forward(self, h: torch.Tensor, message: torch.Tensor) -> torch.Tensor:
        updated: torch.Tensor = h + self.update(torch.cat([self.norm(h), message], dim=1))
        return updated


def _mlp(inputs: int) -> nn.Sequential:
    last = nn.Linear(2 * WIDTH, WIDTH)
    with torch.no_grad():
        last.weight.mul_(0.3)
        last.bias.zero_()
    return nn.Sequential(nn.Linear(inputs, 2 * WIDTH), nn.SiLU(), last)
