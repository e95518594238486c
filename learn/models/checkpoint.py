"""A trained network on disk: weights, the settings that made it, normalisation, times."""

import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from learn.data import dataset
from learn.graph import CUTOFF, Graph, build
from learn.models.bapst2020.model import Bapst2020
from learn.models.linear import model as inherent
from learn.models.linear.model import InherentModel
from simulate.files import layout, provenance, store
from simulate.liquid.configuration import Configuration
from simulate.stage.command import InputError, check_file

KIND = "supercooled network"
SCHEMA = 1
MOST_TIMES = 10_000
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

    def check_graphs(self, graphs: str | Path) -> None:
        """Raise InputError where the edges of a graphs.h5 reach otherwise than those the network was trained on."""
        found, cutoff = dataset.settings(graphs).get("cutoff"), self.settings.get("cutoff", CUTOFF)
        if isinstance(self.network, Bapst2020) and found != cutoff:
            raise InputError(f"{graphs}: edges up to {found} sigma, expected {cutoff} as the model was trained on")

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
        "provenance": json.dumps(trained.provenance or provenance.of(path, seed=trained.settings.get("seed"))),
        "time": torch.as_tensor(trained.time, dtype=torch.float64),
        "mean": torch.as_tensor(trained.mean, dtype=torch.float64),
        "scale": torch.as_tensor(trained.scale, dtype=torch.float64),
        "weights": trained.network.state_dict(),
    }
    write(path, content)


def write(path: str | Path, content: dict) -> None:
    """Write tensors and plain containers, atomically. Raises OSError where the disk is full."""
    image = io.BytesIO()
    torch.save(content, image)
    # Through memory: torch reports a full disk as an error of its own.
    with store.replacing(path) as temporary:
        temporary.write_bytes(image.getbuffer())


def load(path: str | Path) -> Trained:
    """Read a checkpoint; its network is in evaluation mode, its parameters without gradients.

    Raises InputError where the file is not one of ours, is damaged, or holds another network.
    """
    content = read(path)
    provenance.note_input(path)
    if content.get("kind") != KIND or content.get("schema") != SCHEMA:
        raise InputError(f"{path}: expected a checkpoint of this version (kind {KIND!r}, schema {SCHEMA})")
    try:
        settings = json.loads(content["settings"])
        numbers = _numbers(content, path)
        network = NETWORKS[settings["model"]](outputs=len(numbers["time"]))
        network.load_state_dict(content["weights"])
        made_by = json.loads(content["provenance"])
    except KeyError as error:
        raise InputError(f"{path}: unknown or missing {error}; models are {', '.join(NETWORKS)}") from None
    except (RuntimeError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path}: its weights do not fit the network: {error}") from None
    if not all(torch.isfinite(array).all() for array in network.state_dict().values()):
        raise InputError(f"{path}: its weights hold NaN or infinite numbers, expected finite ones")
    network.requires_grad_(False).eval()
    return Trained(network, settings, provenance=made_by, **numbers)


def _numbers(content: dict, path: str | Path) -> dict[str, np.ndarray]:
    """Return time, mean and scale (M,) of a checkpoint, checked."""
    found = {name: content[name].numpy() for name in ("time", "mean", "scale")}
    shape = found["time"].shape
    if len(shape) != 1 or not 1 <= shape[0] <= MOST_TIMES or {array.shape for array in found.values()} != {shape}:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in found.items())
        raise InputError(f"{path}: {shapes} do not fit together, expected (M,) with M from 1 to {MOST_TIMES}")
    for name in ("mean", "scale"):
        if not np.isfinite(found[name]).all():
            raise InputError(f"{path}: {name} {found[name]}, expected finite numbers")
    return found


def read(path: str | Path) -> dict:
    """Return the dictionary of a torch file that holds tensors and plain containers only.

    Raises InputError where it is anything else.
    """
    check_file(path)
    layout.archive(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises nearly anything for a damaged or foreign file.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: refused: expected tensors and plain containers only ({reason})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a checkpoint, found {type(content).__name__}")
    return content
