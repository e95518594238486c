"""Per-particle fields of one configuration: the propensity that the simulation gave, and what a network predicts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from learn.data import dataset
from simulate.files import layout, store
from simulate.stage.command import InputError


@dataclass
class Fields:
    """One configuration and its fields at M times.

    positions (N, 3) unwrapped, types (N,) 0 = A 1 = B, box (3,), time (M,), truth and standard_error (M, N): the
    measured propensity and its error; prediction (M, N), empty where none was asked for; temperature NaN if unknown.
    """

    sample: str
    temperature: float
    positions: np.ndarray
    types: np.ndarray
    box: np.ndarray
    time: np.ndarray
    truth: np.ndarray
    standard_error: np.ndarray
    prediction: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))

    @property
    def place(self) -> str:
        """What this is, for a caption: sample, number of particles, temperature."""
        at = "" if np.isnan(self.temperature) else f", T = {self.temperature:g} ε/k_B"
        return f"sample {self.sample}, {len(self.types)} particles{at}"

    @property
    def error(self) -> np.ndarray:
        """Prediction minus measured propensity, (M, N)."""
        return self.prediction - self.truth


def read(graphs: str | Path, predictions: Sequence[str | Path] = (), sample: str | None = None) -> Fields:
    """Read one sample of a graphs file, with the predictions at the times of all `predictions` files together.

    `sample` is a group's name; the default is the first predicted (held-out) one, or the first of the file where no
    predictions are given. Without predictions the times are those of the graphs file.
    Raises InputError where the sample or a predicted time is not in the files.
    """
    if sample is None:
        names = samples(predictions[0]) if predictions else dataset.samples(graphs)
        if not names:
            raise InputError(f"{graphs}: holds no samples")
        sample = names[0]
    found = dataset.load(graphs, sample)
    fields = Fields(
        sample=sample,
        temperature=dataset.settings(graphs)["temperature"],
        positions=found.graph.positions,
        types=found.graph.types,
        box=found.graph.box,
        time=found.time,
        truth=found.propensity,
        standard_error=found.standard_error,
    )
    return _with_predictions(fields, predictions, graphs) if predictions else fields


def read_all(graphs: str | Path, predictions: Sequence[str | Path]) -> list[Fields]:
    """Read every predicted sample."""
    return [read(graphs, predictions, name) for name in samples(predictions[0])]


def samples(predictions: str | Path) -> list[str]:
    """Return the names of the samples that a predictions file holds. Raises InputError where there are none."""
    with store.opened(predictions, "predictions") as file:
        names = [name for name in sorted(file) if isinstance(file[name], h5py.Group)]
    if not names:
        raise InputError(f"{predictions}: holds no samples")
    return names


def _with_predictions(fields: Fields, predictions: Sequence[str | Path], graphs: str | Path) -> Fields:
    """Return the fields at the predicted times, in increasing order."""
    found = {}
    for path in predictions:
        with store.opened(path, "predictions") as file:
            if fields.sample not in file:
                raise InputError(f"{path}: no sample {fields.sample!r}; it holds {', '.join(samples(path))}")
            layout.check(f"{path}: sample {fields.sample!r}", file[fields.sample], layout.PREDICTION)
            predicted = store.arrays(file[fields.sample], ("prediction",), ())["prediction"]
            times = store.arrays(file, ("time",), ())["time"]
        if predicted.shape != (len(times), len(fields.types)):
            raise InputError(
                f"{path}: prediction of {fields.sample} is {predicted.shape}, expected {len(times)} times and the "
                f"{len(fields.types)} particles of {graphs}"
            )
        for time, values in zip(times, predicted, strict=True):
            found[dataset.index_of(fields.time, time, f"{path}, beside {graphs}")] = values
    index = sorted(found)
    fields.prediction = np.array([found[place] for place in index])
    for name in ("time", "truth", "standard_error"):
        setattr(fields, name, getattr(fields, name)[index])
    return fields
