"""A small three-dimensional convolutional network on the voxelised neighbourhood: the generic image-like baseline.

Each particle's neighbourhood is drawn as two density grids, one per species, in a cube around it; the network sees
nothing else. It knows no rotation, so training turns every cube by a random element of the cube's 48 symmetries.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from learn.data.dataset import Sample
from simulate.liquid.box import minimum_image, wrap
from simulate.liquid.statistics import correlation
from simulate.stage import command, seeds

CELLS = 11
SPACING = 0.4
WIDTH = 0.25
EPOCHS = 20
BATCH = 64
LEARNING_RATE = 1e-3
# Particles that train, and that choose the epoch; neighbourhoods overlap, more teach little.
TRAINING_PARTICLES = 4000
VALIDATION_PARTICLES = 1000


def draw(positions: np.ndarray, types: np.ndarray, box: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return density grids (C, 2, CELLS, CELLS, CELLS) float32 around the particles `centres` (C,).

    Every neighbour (not the particle itself) is a Gaussian of width WIDTH, height 1, in its species' grid.
    """
    from scipy.spatial import cKDTree

    axis = (np.arange(CELLS) - CELLS // 2) * SPACING
    half_edge = axis[-1] + 2 * WIDTH
    wrapped = wrap(positions, box)
    spheres = cKDTree(wrapped, boxsize=box).query_ball_point(wrapped[centres], half_edge, p=np.inf)
    grids = np.zeros((len(centres), 2, CELLS, CELLS, CELLS), dtype=np.float32)
    for grid, centre, sphere in zip(grids, centres, spheres, strict=True):
        others = np.array([other for other in sphere if other != centre], dtype=int)
        vectors = minimum_image(wrapped[others] - wrapped[centre], box)
        # A product of three one-dimensional Gaussians.
        lines = np.exp(-((vectors[:, :, None] - axis) ** 2) / (2 * WIDTH**2)).astype(np.float32)
        for species in (0, 1):
            x, y, z = lines[types[others] == species].transpose(1, 0, 2)
            plane = (x[:, :, None] * y[:, None, :]).reshape(len(x), -1)
            grid[species] = (plane.T @ z).reshape(CELLS, CELLS, CELLS)
    return grids


def network(outputs: int) -> nn.Sequential:
    """Return the network: three convolutions and two layers; the first layer standardises the grids."""
    return nn.Sequential(
        nn.BatchNorm3d(2, affine=False, momentum=None),
        nn.Conv3d(2, 12, 3),
        nn.ReLU(),
        nn.Conv3d(12, 16, 3, stride=2),
        nn.ReLU(),
        nn.Conv3d(16, 16, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 8, 32),
        nn.ReLU(),
        nn.Linear(32, outputs),
    )


def rotated(grids: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    """Return the grids (C, 2, n, n, n) after one of the cube's 48 rotations and reflections."""
    grids = grids.permute(0, 1, *(2 + random.permutation(3)))
    flipped = [axis for axis in (2, 3, 4) if random.random() < 0.5]
    return grids.flip(flipped) if flipped else grids


def fit(
    train: tuple[np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray], seed: int
) -> tuple[nn.Sequential, np.ndarray, np.ndarray]:
    """Return the network of the epoch that does best on validation, and mean and scale (M,) of its targets.

    train, validation: grids (C, 2, n, n, n) and propensities (C, M).
    """
    torch.manual_seed(seeds.integer(seeds.generator(seed, "voxels")))
    grids, target = torch.from_numpy(train[0]), train[1]
    mean, scale = target.mean(axis=0), target.std(axis=0)
    wanted = torch.from_numpy(((target - mean) / scale).astype(np.float32))
    model = network(target.shape[1])
    steps = EPOCHS * -(-len(grids) // BATCH)
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    best, best_r = model.state_dict(), -np.inf
    with command.progress(steps, "cnn") as bar:
        for epoch in range(EPOCHS):
            random = seeds.generator(seed, "voxels", run=epoch)
            model.train()
            for chosen in torch.from_numpy(random.permutation(len(grids))).split(BATCH):
                loss = ((model(rotated(grids[chosen], random)) - wanted[chosen]) ** 2).mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                bar.update()
            found = predict(model, validation[0])
            r = float(np.mean([correlation(x, y) for x, y in zip(found.T, validation[1].T, strict=True)]))
            if r > best_r:
                best, best_r = {name: value.clone() for name, value in model.state_dict().items()}, r
    model.load_state_dict(best)
    return model, mean, scale


def predict(model: nn.Sequential, grids: np.ndarray) -> np.ndarray:
    """Return the outputs (C, M) of the network, standardised."""
    model.eval()
    with torch.no_grad():
        return torch.cat(
            [model(torch.from_numpy(part)) for part in np.array_split(grids, -(-len(grids) // 256))]
        ).numpy()


def predictions(
    train: Sequence[Sample], validation: Sequence[Sample], test: Sequence[Sample], species: int, seed: int
) -> list[np.ndarray]:
    """Train on samples and return the prediction (M, N) of each test sample.

    Particles of other species get NaN. Inherent positions are drawn where the samples have them.
    """
    learned = _sampled(train, species, TRAINING_PARTICLES, seed)
    model, mean, scale = fit(learned, _sampled(validation, species, VALIDATION_PARTICLES, seed), seed)
    result = []
    for sample in test:
        graph = sample.graph
        centres = np.flatnonzero(graph.types == species)
        prediction = np.full(sample.propensity.shape, np.nan)
        for part in np.array_split(centres, -(-len(centres) // 512)):
            grids = draw(sample.quenched_positions, graph.types, graph.box, part)
            prediction[:, part] = (mean + scale * predict(model, grids)).T
        result.append(prediction)
    return result


def _sampled(samples: Sequence[Sample], species: int, particles: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return grids and propensities (C, M) of particles chosen at random from all samples alike."""
    random = seeds.generator(seed, "neighbourhoods")
    grids, targets = [], []
    for sample in samples:
        graph = sample.graph
        mine = np.flatnonzero(graph.types == species)
        chosen = random.choice(mine, min(len(mine), -(-particles // len(samples))), replace=False)
        grids.append(draw(sample.quenched_positions, graph.types, graph.box, chosen))
        targets.append(sample.propensity[:, chosen].T)
    return np.concatenate(grids), np.concatenate(targets)
