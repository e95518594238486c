"""A trained network on disk: weights, the settings that made it, normalisation, times."""

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from learn import inherent
from learn.graph import CUTOFF, Graph, build
from learn.inherent import InherentModel
from learn.model import Bapst2020
from simulate import store
from simulate.command import InputError
from simulate.configuration import Configuration

KIND = "supercooled network"
SCHEMA = 1
NETWORKS = {"bapst2020": Bapst2020, inherent.KIND: InherentModel}


@dataclass
class Trained:
    """A network and what its outputs mean: propensity = mean + scale * output, at each time.

    time, mean, scale (M,); settings name the model, its graph cutoff and how it was trained.
    """

    network: torch.nn.Module
    settings: dict
    time: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    provenance: dict = field(default_factory=dict)

    def predict(self, structure: Graph | Configuration, inherent_positions: np.ndarray | None = None) -> np.ndarray:
        """Return the propensity (M, N) of every particle, in sigma_AA.

        A model of the inherent structure takes `inherent_positions` (N, 3), or those of the configuration; where
        there are none it minimises the energy first. The published network sees thermal positions only.
        """
        if isinstance(self.network, InherentModel):
            if inherent_positions is None:
                inherent_positions = getattr(structure, "inherent_positions", None)
            types = np.asarray(structure.types)
            features, level = inherent.inputs(structure.positions, types, structure.box, inherent_positions)
            return inherent.predict(self.network, features, types, level)
        if isinstance(structure, Configuration):
            cutoff = self.settings.get("cutoff", CUTOFF)
            structure = build(structure.positions, structure.types, structure.box, cutoff)
        with torch.no_grad():
            output = self.network(*tensors(structure)).T.numpy().astype(np.float64)
        return self.mean[:, None] + self.scale[:, None] * output


def tensors(graph: Graph) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return types (N,), vectors (E, 3), senders (E,), receivers (E,) as the networks take them."""
    return (
        torch.from_numpy(graph.types.astype(np.float32)),
        torch.from_numpy(graph.vectors),
        torch.from_numpy(graph.senders),
        torch.from_numpy(graph.receivers),
    )


def save(path: str | Path, trained: Trained) -> None:
    """Write a checkpoint, atomically."""
    content = {
        "kind": KIND,
        "schema": SCHEMA,
        "settings": json.dumps(trained.settings),
        "provenance": json.dumps(trained.provenance or store.provenance(seed=trained.settings.get("seed"))),
        "time": torch.as_tensor(trained.time, dtype=torch.float64),
        "mean": torch.as_tensor(trained.mean, dtype=torch.float64),
        "scale": torch.as_tensor(trained.scale, dtype=torch.float64),
        "weights": trained.network.state_dict(),
    }
    with store.replacing(path) as temporary:
        torch.save(content, temporary)


def load(path: str | Path) -> Trained:
    """Read a checkpoint; its network is in evaluation mode, its parameters without gradients.

    Raises InputError where the file is not one of ours, is damaged, or holds another network.
    """
    content = read(path)
    if content.get("kind") != KIND or content.get("schema") != SCHEMA:
        raise InputError(f"{path}: expected a checkpoint of this version (kind {KIND!r}, schema {SCHEMA})")
    try:
        settings = json.loads(content["settings"])
        numbers = {name: content[name].numpy() for name in ("time", "mean", "scale")}
        network = NETWORKS[settings["model"]](outputs=len(numbers["time"]))
        network.load_state_dict(content["weights"])
        provenance = json.loads(content["provenance"])
    except KeyError as error:
        raise InputError(f"{path}: unknown or missing {error}; models are {', '.join(NETWORKS)}") from None
    except (RuntimeError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path}: its weights do not fit the network: {error}") from None
    network.requires_grad_(False).eval()
    return Trained(network, settings, provenance=provenance, **numbers)


def read(path: str | Path) -> dict:
    """Return the dictionary of a torch file that holds tensors and plain containers only.

    Raises InputError where it is anything else.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: not a checkpoint, or a truncated one")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises nearly anything for a damaged or foreign file.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: refused: expected tensors and plain containers only ({reason})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a checkpoint, found {type(content).__name__}")
    return content
