"""A trained model on disk: weights, the settings that made it, normalisation, times."""

import json
from pathlib import Path

import numpy as np
import torch

from learn import models
from learn.data.torch_file import read, write
from learn.models.model import Trained
from simulate.files import provenance
from simulate.stage.command import InputError

KIND = "supercooled network"
SCHEMA = 1
MOST_TIMES = 10_000


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
        settings["model"] = models.FORMERLY.get(settings["model"], settings["model"])
        network = models.find(settings["model"]).build(settings, len(numbers["time"]))
        network.load_state_dict(content["weights"])
        made_by = json.loads(content["provenance"])
    except KeyError as error:
        raise InputError(f"{path}: no {error}, expected a trained model") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
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
