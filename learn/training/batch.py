"""Configurations as training steps take them: inputs of a model, and what it is to say of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import torch

from learn.data import dataset
from learn.data.inputs import Inputs
from simulate.files import restart
from simulate.liquid.configuration import Configuration
from simulate.stage import seeds
from simulate.stage.command import InputError

CPU = torch.device("cpu")


@dataclass
class Batch:
    """A configuration in a training step.

    target (N, M) standardised; chosen (N,): the particles in the loss; displacements (N, K, 3): what is learned beside
    the target, each of the K of mean square 1.
    """

    inputs: Inputs
    target: torch.Tensor
    chosen: torch.Tensor
    displacements: torch.Tensor

    def rotated(self, matrix: torch.Tensor) -> "Batch":
        """Return the batch with all vectors multiplied by an orthogonal matrix (3, 3)."""
        matrix = matrix.to(self.target.device, non_blocking=True)
        return replace(self, inputs=self.inputs.rotated(matrix), displacements=self.displacements @ matrix)

    def fingerprint(self) -> str:
        """Return what two batches that differ do not share."""
        arrays = (self.inputs.types, self.inputs.vectors, self.inputs.nodes, self.target, self.displacements)
        return restart.fingerprint(*(array.cpu().numpy() for array in arrays))

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        return Batch(**{name: part.to(device) for name, part in vars(self).items()})

    def wanted(self) -> torch.Tensor:
        """Return target and displacements as a network puts them out, (N, M + 3 K)."""
        return torch.cat([self.target, self.displacements.flatten(1)], dim=1)


def reader(
    path: Path,
    time: np.ndarray,
    inputs: Callable[[Configuration], Inputs],
    mean: np.ndarray,
    scale: np.ndarray,
    *,
    beside: Callable[[Configuration], np.ndarray] | None = None,
    shuffle: int | None = None,
    keep: int = 32,
    device: torch.device = CPU,
) -> Callable[[str], Batch]:
    """Return a function name -> Batch that keeps the last few samples in memory, or all on a GPU.

    inputs: of the model; beside: displacements (N, K, 3) to learn beside the target. With a seed in `shuffle`, the
    targets of a sample change places (`shuffled`): their distribution stays, what they say of the structure goes.
    """

    @cache
    def displacements(name: str) -> torch.Tensor:
        structure = dataset.load(path, name).configuration
        if beside is None:
            return torch.zeros(len(structure.types), 0, 3)
        moved = beside(structure)
        return torch.from_numpy((moved / np.sqrt((moved**2).mean(axis=(0, 2), keepdims=True))).astype(np.float32))

    # A step on a GPU is quicker than reading its sample; a sample of 4096 particles takes 5 MB there.
    @lru_cache(maxsize=keep if device == CPU else None)
    def load(name: str) -> Batch:
        sample = dataset.load(path, name).at(time)
        types = sample.configuration.types
        target = torch.from_numpy(((sample.propensity.T - mean) / scale).astype(np.float32))
        down = displacements(name)
        if shuffle is not None:
            places = shuffled(types, seeds.generator(shuffle, f"shuffle {name}"))
            target, down = target[places], down[places]
        return Batch(inputs(sample.configuration), target, torch.from_numpy(types == 0), down).to(device)

    return load


def shuffled(types: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a permutation (N,) that moves particles about at random among those of their species."""
    places = np.arange(len(types))
    for species in np.unique(types):
        members = np.flatnonzero(types == species)
        places[members] = random.permutation(members)
    return places


def normalisation(path: Path, names: Sequence[str], time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation (M,) of the A particles' propensity."""
    total, squares, count = np.zeros(len(time)), np.zeros(len(time)), 0
    for name in names:
        sample = dataset.load(path, name).at(time)
        values = sample.propensity[:, sample.configuration.types == 0]
        total, squares, count = total + values.sum(1), squares + (values**2).sum(1), count + values.shape[1]
    mean = total / count
    scale = np.sqrt(np.maximum(squares / count - mean**2, 0))
    if not (scale > 0).all():
        raise InputError(f"{path}: the propensity of the training configurations does not vary")
    return mean, scale
