"""The configurations that a trained network is examined on, each with its measured propensity where there is one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis import propensity
from learn.data import dataset
from learn.graph import CUTOFF, Graph, build
from learn.models.bapst2020.model import Bapst2020
from learn.models.checkpoint import Trained
from simulate.files import formats as configuration
from simulate.files import store
from simulate.stage import command
from simulate.stage.command import InputError


@dataclass
class Examined:
    """One configuration: its graph, and the measured propensity (M, N) at the network's times, NaN where unknown.

    temperature: NaN where the file does not say it.
    """

    graph: Graph
    truth: np.ndarray
    temperature: float


def read(path: str | Path, trained: Trained, truth: str | Path | None = None, split: str = "test") -> list[Examined]:
    """Return what a file holds: every sample of `split` of a graphs.h5, or the one configuration of any other file.

    `truth` is a propensity file or an ensemble of that configuration; an ensemble brings its own.
    Raises InputError where a file cannot be read, or `truth` does not belong to the configuration or the times.
    """
    if not isinstance(trained.network, Bapst2020):
        raise InputError(f"model {trained.settings.get('model')!r}: expected a graph network of thermal positions")
    if store.kind_of(path) == "graphs":
        if truth is not None:
            raise InputError(f"--truth: {path} carries its own propensities")
        trained.check_graphs(path)
        names = dataset.samples(path, split)
        if not names:
            raise InputError(f"{path}: no {split} samples")
        temperature = dataset.settings(path)["temperature"]
        samples = (dataset.load(path, name) for name in names)
        return [Examined(s.graph, at_times(trained.time, s.time, s.propensity), temperature) for s in samples]
    structure = configuration.read(path)
    with command.about(path):
        cutoff = trained.settings.get("cutoff", CUTOFF)
        graph = build(structure.positions, structure.types, structure.box, cutoff)
    source = truth or path
    measured = _measured(source)
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
    return [Examined(graph, known, np.nan if structure.temperature is None else structure.temperature)]


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
