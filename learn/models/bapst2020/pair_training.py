"""Before training: the edges learn pairs, the nodes get features of them, the last layer is fitted.

Trained from random weights, the published network needs some hundred steps before its output follows the structure at
all: sums over 40 edges hardly differ from particle to particle, and seven recurrences smooth what differs. Pairs of
particles cost little, so the edge functions are first trained on pairs alone, to carry what short-time motion depends
on: the pair's force, its stiffness, its energy, and at which distance it stands. The weights that look at current
(instead of encoded) states stay small meanwhile, so that every recurrence repeats the first. The architecture is
untouched: these are its initial weights.
"""

import itertools
from collections.abc import Iterable

import numpy as np
import torch
from torch import nn
from torch_scatter import scatter

from learn.models.bapst2020 import initial
from learn.models.bapst2020.model import WIDTH, Bapst2020, linear
from learn.training.batch import Batch
from simulate.liquid import kob_andersen
from simulate.stage import command, seeds

CENTRES = np.arange(0.8, 2.01, 0.15)
BIN_WIDTH = 0.1
TARGETS = 5 + 2 * len(CENTRES)
# Samples that pairs are taken from.
SAMPLES = 4
PAIRS_PER_STEP = 4096
LEARNING_RATE = 4e-3
# Weight of the current states in the first layers of the updates, relative to that of the encoded ones.
CURRENT = 0.05


def pair_targets(vectors: np.ndarray, to: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Return what an edge shall know, (E, TARGETS): force on its receiver (3), Laplacian, energy; distance by species.

    vectors (E, 3) = r_receiver - r_sender; to, of (E,) the types of receiver and sender. Self-edges know zeros.
    """
    length = np.linalg.norm(vectors.astype(np.float64), axis=1)
    own = length < 1e-6
    length[own] = 1
    energy, virial = kob_andersen.pair_terms(to, of, length)
    laplacian = (kob_andersen.pair_stiffness(to, of, length) - 2 * virial) / length**2
    force = (virial / length**2)[:, None] * vectors
    distance = np.exp(-0.5 * ((length[:, None] - CENTRES) / BIN_WIDTH) ** 2)
    kinds = [distance * (of == kind)[:, None] for kind in (0, 1)]
    targets = np.concatenate([force, laplacian[:, None], energy[:, None], *kinds], axis=1)
    targets[own] = 0
    return targets.astype(np.float32)


def prepare(network: Bapst2020, layer: initial.Centred, batches: Iterable[Batch], seed: int, steps: int) -> None:
    """Give a network its initial weights, in place, from training samples; `layer`: of `initial.centre`.

    What the nodes see of the sums becomes centred and of order one.
    """
    random = torch.Generator().manual_seed(seeds.integer(seeds.generator(seed, "pair training")))
    _sample(network, random)
    readout = nn.Linear(WIDTH, TARGETS)
    nn.init.normal_(readout.weight, std=WIDTH**-0.5, generator=random)
    nn.init.zeros_(readout.bias)
    readout.to(layer.centre.device)
    batches = iter(batches)
    first = list(itertools.islice(batches, SAMPLES))
    _train_pairs(network, readout, first, random, seed, steps)
    with torch.no_grad():
        _fill_nodes(network, layer, readout, first, random)
    initial.fit_last_layer(network, itertools.chain(first, batches))


def first_edges(
    network: Bapst2020, types: torch.Tensor, vectors: torch.Tensor, to: torch.Tensor, of: torch.Tensor
) -> torch.Tensor:
    """Return the first edge update (E, WIDTH) of edges between particles of types (E,), current states left out."""
    edge, node = network.edge_encoder(vectors), network.node_encoder(types[:, None].to(vectors.dtype))
    none = torch.zeros_like(edge)
    return network.edge_update(torch.cat([none, edge, none, node[to], none, node[of]], dim=1))


def _sample(network: Bapst2020, random: torch.Generator) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            sampled = torch.empty(layer.weight.shape)
            nn.init.normal_(sampled, std=(2 / layer.in_features) ** 0.5, generator=random)
            with torch.no_grad():
                layer.weight.copy_(sampled)
            nn.init.zeros_(layer.bias)
    with torch.no_grad():
        # Half-spaces in all directions, with edges between 0.5 sigma behind the particle and 1.5 before it.
        first = linear(network.edge_encoder, 0)
        first.weight.copy_(2 * nn.functional.normalize(torch.randn(WIDTH, 3, generator=random), dim=1))
        first.bias.copy_(1 - 4 * torch.rand(WIDTH, generator=random))
        for block in (0, 2, 4):
            linear(network.edge_update, 0).weight[:, block * WIDTH : (block + 1) * WIDTH] *= CURRENT


def _train_pairs(
    network: Bapst2020, readout: nn.Linear, batches: list, random: torch.Generator, seed: int, steps: int
) -> None:
    each = [batch.inputs for batch in batches]
    vectors = torch.cat([inputs.vectors[0] for inputs in each])
    to = torch.cat([inputs.types[inputs.receivers] for inputs in each])
    of = torch.cat([inputs.types[inputs.senders] for inputs in each])
    device = vectors.device
    wanted = torch.from_numpy(pair_targets(*(array.cpu().numpy() for array in (vectors, to, of)))).to(device)
    scale = wanted.std(dim=0)
    importance, both = torch.ones(TARGETS, device=device), torch.tensor([0, 1], device=device)
    importance[:5] = 4
    parts = (network.node_encoder, network.edge_encoder, network.edge_update, readout)
    optimiser = torch.optim.Adam([weight for part in parts for weight in part.parameters()], lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    rotations = seeds.generator(seed, "pair orientation")
    with command.progress(steps, "pairs") as bar:
        for _ in range(steps):
            chosen = torch.randint(len(vectors), (PAIRS_PER_STEP,), generator=random).to(device)
            rotation = torch.from_numpy(np.linalg.qr(rotations.normal(size=(3, 3)))[0].astype(np.float32)).to(device)
            found = readout(first_edges(network, both, vectors[chosen] @ rotation, to[chosen], of[chosen]))
            target = torch.cat([wanted[chosen, :3] @ rotation, wanted[chosen, 3:]], dim=1)
            loss = ((found - target / scale) ** 2 * importance).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            bar.update()


def _fill_nodes(
    network: Bapst2020, layer: initial.Centred, readout: nn.Linear, batches: list[Batch], random: torch.Generator
) -> None:
    """Make the nodes random features of the standardised sums over pairs, half of them of forces and energies only."""
    each = []
    for batch in batches:
        inputs = batch.inputs
        edges = first_edges(network, inputs.types, inputs.vectors[0], inputs.receivers, inputs.senders)
        each.append(scatter(edges, inputs.receivers, dim=0, dim_size=len(inputs.types), reduce="sum")[batch.chosen])
    sums = torch.cat(each)
    centre = sums.mean(dim=0)
    spread = ((sums - centre) @ readout.weight.T).std(dim=0)
    mix = torch.randn(WIDTH, TARGETS, generator=random) / WIDTH**0.5
    mix[: WIDTH // 2] = 0
    mix[: WIDTH // 2, :5] = torch.randn(WIDTH // 2, 5, generator=random) / 5**0.5
    mix = mix.to(sums.device)
    from_sum = mix @ (readout.weight / spread[:, None])
    layer.centre.copy_(centre)
    layer.scale.copy_(from_sum.std() * WIDTH**0.5)
    first = layer.layer
    first.weight[:, :WIDTH] = from_sum / layer.scale
    first.weight[:, WIDTH:].copy_(CURRENT * torch.randn(WIDTH, 2 * WIDTH, generator=random) / WIDTH**0.5)
    first.bias.copy_(0.5 * torch.randn(WIDTH, generator=random))
    for dense in (linear(network.node_update, 2), linear(network.decoder, 0), linear(network.decoder, 2)):
        dense.weight.copy_((2 / WIDTH) ** 0.5 * torch.randn(WIDTH, WIDTH, generator=random))
