"""The contract: what every model is asked, and nothing more. `learn.models.MODELS` lists those who answer.

A model turns a configuration into `Inputs` (minimising where it has to), and inputs into numbers per particle, one for
each time. `Trained` says what the numbers mean. Commands, shells and figures ask a model through this file only.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from learn.data.inputs import Inputs, side_by_side
from learn.models import GIVEN, MODELS
from simulate.liquid.configuration import Configuration
from simulate.stage.command import InputError

CPU = torch.device("cpu")


@dataclass
class Piece:
    """What is left to see around a marked particle: node 0 is the marked one; hop (K,): edges from it, ascending."""

    inputs: Inputs
    hop: np.ndarray


@dataclass(frozen=True)
class Task:
    """What `learn.train` asks of a model.

    graphs: files of graphs, one per temperature; time (M,); samples: how many training configurations (None: all);
    control: 'untrained' or 'shuffled'; start: a trained model to begin with; state: file to resume from; options: what
    the model's own `add_options` gave.
    """

    graphs: Sequence[Path]
    time: np.ndarray
    seed: int = 0
    samples: int | None = None
    control: str | None = None
    start: "Trained | None" = None
    device: torch.device = CPU
    state: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def graph_file(self) -> Path:
        """The one file of graphs, for a model that learns from one temperature. Raises InputError for several."""
        if len(self.graphs) > 1:
            raise InputError(f"{self.graphs[1]}: this model learns from one graphs.h5, {len(self.graphs)} were given")
        return self.graphs[0]

    def without(self, *names: str) -> None:
        """Raise InputError where 'samples', 'control' or 'start' is asked of a model that has no use for it."""
        for name in names:
            if getattr(self, name) is not None:
                raise InputError(f"--{name}: this model has no use for it")


class Model(nn.Module):
    """A model, trained or not. What has a body here may stay as it is.

    name: its key in MODELS. Weights are what `state_dict` holds; what else it is made of follows from `settings`.
    """

    name: ClassVar[str]

    @classmethod
    def build(cls, settings: Mapping[str, Any], outputs: int) -> "Model":
        """Return the model, its weights to be loaded, that a file with these settings and so many times holds."""
        return cls(outputs)

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        """Add the options of its training to the command line of `learn.train`."""

    @classmethod
    def trained(cls, task: Task) -> "tuple[Trained, list[dict]]":
        """Return the trained model and its history, a row per epoch: epoch, step, learning_rate, loss, validation_r."""
        raise NotImplementedError

    def inputs(self, structure: Configuration) -> Inputs:
        """Return what the model reads of a configuration; what it lacks is computed."""
        raise NotImplementedError

    def forward(self, inputs: Inputs) -> torch.Tensor:
        """Return the outputs (N, M)."""
        raise NotImplementedError

    def members(self, inputs: Inputs) -> torch.Tensor:
        """Return the outputs (K, N, M) of the K models that this one is the mean of."""
        output: torch.Tensor = self(inputs)
        return output[None]

    def restricted(self, inputs: Inputs, particles: np.ndarray, edges: np.ndarray) -> Inputs:
        """Return what is left to read where only some particles (N,) bool and edges (E,) bool are: `nodes` are held."""
        return inputs.part(particles, edges)

    def pushed(self, inputs: Inputs, push: torch.Tensor) -> Inputs:
        """Return what is read where the end points of edges move: every vector by push (E, 3); all else is held."""
        return replace(inputs, vectors=inputs.vectors + push)

    def marked(self, pieces: Sequence[Piece]) -> torch.Tensor:
        """Return the outputs (pieces, M) at the marked particles; differentiable by the vectors."""
        first = np.cumsum([0, *(len(piece.hop) for piece in pieces)])[:-1]
        output: torch.Tensor = self(side_by_side([piece.inputs for piece in pieces]))
        return output[torch.from_numpy(first)]


@dataclass
class Trained:
    """A model and what its outputs mean: propensity = mean + scale * output, at each time.

    time, mean, scale (M,); settings name the model, the temperature and how it was trained.
    """

    network: Model
    settings: dict
    time: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    provenance: dict = field(default_factory=dict)

    @property
    def temperature(self) -> float:
        """The temperature of its training configurations, NaN where unknown or several."""
        return float(self.settings.get("temperature") or np.nan)

    @property
    def given(self) -> str:
        """What it is given of a configuration: one of GIVEN."""
        return GIVEN[self.settings.get("given", MODELS[self.network.name].given)]

    def predict(self, structure: Configuration) -> np.ndarray:
        """Return the propensity (M, N) of every particle, in sigma_AA."""
        return self.propensity(self.network.inputs(structure))[0]

    def propensity(self, inputs: Inputs) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the propensity (M, N) and its standard deviation over an ensemble's members, None where it is one."""
        with torch.no_grad():
            outputs = self.network.members(inputs).double().numpy().transpose(0, 2, 1)
        spread = None if len(outputs) < 2 else self.scale[:, None] * outputs.std(axis=0, ddof=1)
        return self.mean[:, None] + self.scale[:, None] * outputs.mean(axis=0), spread
