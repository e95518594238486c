"""A linear model of averaged descriptors of the inherent structure.

Each particle is described by `describe`. Each number is averaged over one to eight generations of neighbours; the
differences between successive averages, shells of growing radius, are the inputs. They are centred in every
configuration and species: only differences between its particles are learned; how mobile it is as a whole follows from
its mean inherent energy alone. A ridge regression per species and time does the rest. Nothing is random; every
prediction is invariant under translation, rotation and reflection.
"""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from learn.data import dataset
from learn.data.graph import Graph
from learn.data.inputs import Inputs
from learn.models.linear import descriptors
from learn.models.linear.describe import BY_RUNG, GROUPS, NAMES, describe, mechanics, names
from learn.models.linear.ridge import PENALTIES, Statistics, levels, ridge, scores, solve, statistics
from learn.models.model import Model, Task, Trained
from simulate.liquid.configuration import Configuration
from simulate.stage import command, options

# With what is defined here, what studies of the model take from it.
__all__ = ["GROUPS", "NAMES", "PENALTIES", "Statistics", "describe", "levels", "mechanics", "ridge", "scores", "solve"]
__all__ += ["statistics"]

GENERATIONS = 8
AVERAGING_LENGTH = 1.5


def shells(
    values: np.ndarray, types: np.ndarray, box: np.ndarray, inherent_positions: np.ndarray, generations: int
) -> np.ndarray:
    """Return differences between successive averages of values (N, S), then the last average, centred.

    Shape (N, (generations + 1) * S). Centred: less the mean over the particles of a species in the configuration.
    """
    every = descriptors.averages(values, inherent_positions, box, AVERAGING_LENGTH, generations)
    every[:-1] -= every[1:]
    return centred(np.concatenate(list(every), axis=1), types)


def centred(values: np.ndarray, types: np.ndarray) -> np.ndarray:
    """Return values (N, K), changed in place, less the mean over the particles of a species in this configuration."""
    for species in (0, 1):
        of = types == species
        if of.any():
            values[of] -= values[of].mean(axis=0)
    return values


def quenched(structure: Configuration) -> np.ndarray:
    """Return the inherent positions (N, 3) of a configuration; it is minimised where it does not bring them."""
    if structure.inherent_positions is not None:
        return structure.inherent_positions
    from simulate.liquid.minimisation import inherent_structure

    return inherent_structure(structure).positions


class Linear(Model):
    """The trained model: weights (2, K, M), intercept and slope (2, M), by species.

    given: 1, what thermal positions say, 2, the inherent structure, or 3, descent and release as well; generations: of
    neighbours.
    """

    name = "linear"
    weight: torch.Tensor
    intercept: torch.Tensor
    slope: torch.Tensor

    def __init__(self, outputs: int, given: int = 3, generations: int = GENERATIONS):
        super().__init__()
        self.given, self.groups, self.generations = given, BY_RUNG[given], generations
        inputs = len(names(self.groups)) * (generations + 1)
        self.register_buffer("weight", torch.zeros(2, inputs, outputs, dtype=torch.float64))
        self.register_buffer("intercept", torch.zeros(2, outputs, dtype=torch.float64))
        self.register_buffer("slope", torch.zeros(2, outputs, dtype=torch.float64))

    @classmethod
    def build(cls, settings: Mapping[str, Any], outputs: int) -> "Linear":
        """Return the model that a file with these settings holds."""
        return cls(outputs, settings.get("given", 3), settings.get("generations", GENERATIONS))

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        """Add what the model is given, and how far it looks."""
        parser.add_argument(
            "--given", type=int, choices=(1, 2, 3), default=3, help="1: positions; 2: + minimisation; 3: + release (3)"
        )
        parser.add_argument("--generations", type=options.natural, default=GENERATIONS, help="of neighbours (8)")

    def features(self, structure: Configuration) -> tuple[np.ndarray, float]:
        """Return features (N, K) and the mean energy of a configuration; it is minimised first where need be.

        Raises InputError as `describe` and `simulate.liquid.minimisation.inherent_structure` do.
        """
        types, box = np.asarray(structure.types), structure.box
        place = structure.positions if self.given == 1 else quenched(structure)
        values = describe(structure.positions, types, box, place, self.groups)
        columns = names(self.groups)
        energies = sum(values[:, columns.index(f"energy with {species}")] for species in "AB")
        return shells(values, types, box, place, self.generations), float(np.mean(energies))

    def inputs(self, structure: Configuration) -> Inputs:
        """Return the inputs of a configuration: no edges, and as `nodes` its features, the level in a last column."""
        features, level = self.features(structure)
        nodes = np.concatenate([features, np.full((len(features), 1), level)], axis=1)
        nobody = np.zeros(0, dtype=np.int64)
        edges = (structure.types, structure.box, structure.positions, nobody, nobody, np.zeros((0, 3), np.float32))
        return Inputs.of(Graph(*edges), nodes)

    def forward(self, inputs: Inputs) -> torch.Tensor:
        """Return predictions (N, M)."""
        return self.of(inputs.types, inputs.nodes[:, :-1], inputs.nodes[:, -1:])

    def of(self, types: torch.Tensor, features: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """Return predictions (N, M) from features (N, K) and the level (N, 1)."""
        within = torch.where(types[:, None] == 1, features @ self.weight[1], features @ self.weight[0])
        return within + self.intercept[types] + level * self.slope[types]

    def fit(self, parts: Mapping[int, Sequence[Statistics]]) -> dict[int, np.ndarray]:
        """Fit to the configurations' statistics by species (0, 1); return the penalties (M,) chosen.

        Raises InputError for fewer than two configurations.
        """
        penalties = {}
        for species, of in parts.items():
            weights, penalties[species] = ridge(of)
            intercept, slope = levels(of)
            self.weight[species] = torch.from_numpy(weights)
            self.intercept[species] = torch.from_numpy(intercept)
            self.slope[species] = torch.from_numpy(slope)
        return penalties

    @classmethod
    def trained(cls, task: Task) -> tuple[Trained, list[dict]]:
        """Fit the training configurations of one temperature; return the model and its one row of history."""
        task.without("control", "start")
        graphs, time = task.graph_file, task.time
        settings = {"model": cls.name, "species": "AB"} | dataset.conditions(graphs)
        settings |= {"given": task.options.get("given", 3), "generations": task.options.get("generations", GENERATIONS)}
        model = cls.build(settings, len(time))
        named = dataset.to_learn_from(graphs, task.samples)
        parts: dict[str, dict[int, list[Statistics]]] = {}
        with command.progress(sum(map(len, named.values())), "describe", "configuration") as bar:
            for split, of_split in named.items():
                parts[split] = {0: [], 1: []}
                for name in of_split:
                    sample = dataset.load(graphs, name).at(time)
                    types = sample.configuration.types
                    features, level = model.features(sample.configuration)
                    for species, found in parts[split].items():
                        if (types == species).any():
                            found.append(statistics(features, sample.propensity, types == species, level))
                    bar.update()
        penalties = model.fit({species: of for species, of in parts["train"].items() if of})
        r = np.mean([scores(part, model.weight[0].numpy()) for part in parts["validation"][0]], axis=0)
        row = {"epoch": 1, "step": len(named["train"]), "learning_rate": 0.0, "loss": np.nan, "validation_r": r.mean()}
        row |= {f"validation_r_{index}": float(value) for index, value in enumerate(r)}
        row |= {f"penalty_{index}": float(value) for index, value in enumerate(penalties[0])}
        settings |= {"n_train": len(named["train"])}
        return Trained(model.eval(), settings, time, np.zeros(len(time)), np.ones(len(time))), [row]
