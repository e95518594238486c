"""The configurations that a trained network is examined on, each with its measured propensity where there is one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.liquid import propensity
from learn.data import dataset, domain
from learn.data.graph import Graph
from learn.data.inputs import Inputs
from learn.models import MODELS
from learn.models.model import Trained
from simulate.files import formats, store
from simulate.liquid.configuration import Configuration
from simulate.stage import command
from simulate.stage.command import InputError


@dataclass
class Examined:
    """One configuration as a model reads it, and the measured propensity (M, N) at its times, NaN where unknown.

    graph: positions, types and box, and the edges of the model; temperature: NaN where the file does not say it.
    """

    inputs: Inputs
    graph: Graph
    truth: np.ndarray
    temperature: float


def read(
    path: str | Path,
    trained: Trained,
    truth: str | Path | None = None,
    split: str = "test",
    species: formats.Species = None,
) -> list[Examined]:
    """Return what a file holds: every sample of `split` of a graphs.h5, or the one configuration of any other file.

    `truth` is a propensity file or an ensemble of that configuration; an ensemble brings its own. `species`: where a
    configuration's names do not tell (`formats.read`).
    Raises InputError where a file cannot be read, or `truth` does not belong to the configuration or the times.
    """
    if not MODELS[trained.network.name].shells:
        raise InputError(f"model {trained.network.name!r}: expected one that reads a graph and can be differentiated")
    if store.kind_of(path) == "graphs":
        if truth is not None:
            raise InputError(f"--truth: {path} carries its own propensities")
        if species is not None:
            raise InputError(f"--species: {path} says itself which particles are A and B")
        names = dataset.samples(path, split)
        if not names:
            raise InputError(f"{path}: no {split} samples")
        samples = (dataset.load(path, name) for name in names)
        return [_examined(trained, s.configuration, at_times(trained.time, s.time, s.propensity)) for s in samples]
    structure = formats.read(path, species)
    if different := domain.outside(structure, trained.settings):
        command.warn(f"{path}: {different}")
    source = truth or path
    try:
        measured = _measured(source)
    except InputError as error:
        if truth is not None:
            raise
        # Positions are enough.
        command.warn(f"{error}; compared with no measured propensity")
        measured = None
    known = np.full((len(trained.time), len(structure.types)), np.nan)
    if measured is not None:
        times, types, values = measured
        if not np.array_equal(types, structure.types):
            raise InputError(f"{source}: its particles are not those of {path}")
        if truth is not None and len(times) == len(trained.time) == 1 and np.isnan(times[0]):
            times = trained.time  # A BOTAN file does not carry its time: named outright, it is taken to be this one.
        known = at_times(trained.time, times, values)
        if truth is not None and np.isnan(known).all():
            raise InputError(f"{truth}: its times {times} hold none of the network's, {trained.time}")
    with command.about(path):
        return [_examined(trained, structure, known)]


def _examined(trained: Trained, structure: Configuration, truth: np.ndarray) -> Examined:
    inputs = trained.network.inputs(structure)
    edges = inputs.senders.numpy(), inputs.receivers.numpy(), inputs.vectors[0].numpy()
    graph = Graph(structure.types, structure.box, structure.positions, *edges)
    return Examined(inputs, graph, truth, np.nan if structure.temperature is None else structure.temperature)


def _measured(path: str | Path) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return times, types and propensity (M, N) of a propensity file or an ensemble, None of any other file."""
    if store.kind_of(path) == "propensity":
        contents = store.read(path, "propensity", ("time", "types", "propensity"))
        return contents["time"], contents["types"], contents["propensity"]
    if store.kind_of(path) == "isoconfigurational" or Path(path).suffix in (".npz", ".pickle", ".pkl"):
        result, types, _ = propensity.read(path)
        return result.time, types, result.propensity
    return None


def at_times(wanted: np.ndarray, times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the rows of `values` (M, N) at the times `wanted`, NaN where there is none within one part in a thousand.

    A time that a file does not carry (NaN) is equal to another such.
    """
    found = np.full((len(wanted), values.shape[1]), np.nan)
    for index, time in enumerate(wanted):
        same = np.flatnonzero(np.isclose(times, time, rtol=1e-3, atol=0, equal_nan=True))
        if len(same):
            found[index] = values[same[0]]
    return found
