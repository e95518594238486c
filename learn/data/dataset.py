"""The samples of graphs.h5, read one at a time: five hundred need no more memory than one."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from learn.data import splits
from learn.data.graph import Graph, from_edges
from simulate.files import layout, store
from simulate.liquid.box import wrap
from simulate.liquid.configuration import Configuration
from simulate.stage.command import InputError


@dataclass
class Sample:
    """One configuration with what was measured on it.

    propensity, standard_error (M, N); reliability_A, reliability_B (M,) or None; inherent_positions,
    inherent_energy (N,) or None; time (M,).
    """

    name: str
    identity: str
    split: str
    graph: Graph
    time: np.ndarray
    propensity: np.ndarray
    standard_error: np.ndarray
    reliability_A: np.ndarray | None = None
    reliability_B: np.ndarray | None = None
    inherent_positions: np.ndarray | None = None
    inherent_energy: np.ndarray | None = None
    n_runs: int | None = None
    temperature: float | None = None

    @property
    def configuration(self) -> Configuration:
        """What a model is given of the sample."""
        graph = self.graph
        further = (self.temperature, self.inherent_positions)
        return Configuration(graph.positions, graph.types, graph.box, *further)

    @property
    def quenched_positions(self) -> np.ndarray:
        """Inherent positions (N, 3) where the sample has them, else thermal ones."""
        return self.graph.positions if self.inherent_positions is None else self.inherent_positions

    def at(self, time: np.ndarray) -> "Sample":
        """Return the sample with what was measured at the given times only, in their order.

        Raises InputError where a time was not measured.
        """
        indices = [index_of(self.time, wanted, self.name) for wanted in time]
        names = ("time", "propensity", "standard_error", "reliability_A", "reliability_B")
        chosen = {name: getattr(self, name) for name in names}
        taken: dict[str, Any] = {name: None if array is None else array[indices] for name, array in chosen.items()}
        return replace(self, **taken)


def index_of(time: np.ndarray, wanted: float, where: str) -> int:
    """Return the index of a time (to 1e-4 relative; NaN, a time that is not known, equals NaN).

    Raises InputError where it is not among them.
    """
    found = np.flatnonzero(np.isclose(time, wanted, rtol=1e-4, atol=0, equal_nan=True))
    if len(found) != 1:
        raise InputError(f"{where}: no time {wanted:g}; measured at {', '.join(f'{t:g}' for t in time)}")
    return int(found[0])


_OPTIONAL = ("reliability_A", "reliability_B", "inherent_positions", "inherent_energy")


def samples(path: str | Path, split: str | None = None) -> list[str]:
    """Return the names of the samples of one split (or of all), in the file's order.

    Raises InputError for a file that is not a graphs.h5.
    """
    if split not in (None, *splits.SPLITS):
        raise ValueError(f"unknown split {split!r}")
    with store.opened(path, "graphs") as file:
        found = {name: _identity(file, name)[1] for name in file if name != "time"}
        return [name for name in found if split in (None, found[name])]


def to_learn_from(path: str | Path, most: int | None = None) -> dict[str, list[str]]:
    """Return the names of the training samples, all or the first so many, and of the validation samples.

    Raises InputError where splits overlap or are empty, or there are not so many.
    """
    check_separate(path)
    names = {split: samples(path, split) for split in ("train", "validation")}
    if most is not None and most > len(names["train"]):
        raise InputError(f"--samples {most}: {path} holds {len(names['train'])} training configurations")
    return names | {"train": names["train"][:most]}


def times(path: str | Path) -> np.ndarray:
    """Return the times (M,) of every propensity in the file."""
    with store.opened(path, "graphs") as file:
        return store.arrays(file, ("time",), ())["time"]


def settings(path: str | Path) -> dict:
    """Return what the graphs were made with: cutoff, validation, test; temperature (NaN where unknown)."""
    with store.opened(path, "graphs") as file:
        return store.described(file)[0] | {"temperature": float(file.attrs["temperature"])}


def conditions(path: str | Path) -> dict[str, float]:
    """Return temperature (NaN where unknown) and density, of the first training sample: where what is learned holds."""
    first = load(path, samples(path, "train")[0]).configuration
    return {"temperature": settings(path)["temperature"], "density": len(first.types) / float(np.prod(first.box))}


def load(path: str | Path, name: str) -> Sample:
    """Read one sample.

    Raises InputError where it is missing or damaged.
    """
    with store.opened(path, "graphs") as file:
        identity, split = _identity(file, name)
        arrays = _arrays(file, name)
        time = store.arrays(file, ("time",), ())["time"]
        temperature = float(file[name].attrs.get("temperature", file.attrs["temperature"]))
    where = f"{path}: sample {name!r}"
    if len(arrays["propensity"]) != len(time):
        raise InputError(f"{where}: propensity at {len(arrays['propensity'])} times, expected {len(time)}")
    for end in ("senders", "receivers"):
        if len(arrays[end]) and not 0 <= arrays[end].min() <= arrays[end].max() < len(arrays["types"]):
            raise InputError(f"{where}: {end} name particle {arrays[end].max()}, there are {len(arrays['types'])}")
    runs = arrays.get("n_runs")
    return Sample(
        name=name,
        identity=identity,
        split=split,
        graph=from_edges(*(arrays[key] for key in ("positions", "types", "box", "senders", "receivers"))),
        time=time,
        propensity=arrays["propensity"],
        standard_error=arrays["standard_error"],
        n_runs=None if runs is None else int(runs),
        temperature=temperature if np.isfinite(temperature) else None,
        **{key: arrays.get(key) for key in _OPTIONAL},
    )


def _identity(file: h5py.File, name: str) -> tuple[str, str]:
    """Return identity and split of a sample. Raises InputError where it is no sample."""
    if name not in file or not isinstance(file[name], h5py.Group):
        raise InputError(f"{file.filename}: no sample {name!r}")
    identity, split = (store.attribute(file[name], key) for key in ("identity", "split"))
    if split not in splits.SPLITS:
        raise InputError(f"{file.filename}: sample {name!r} has split {split!r}, expected {', '.join(splits.SPLITS)}")
    return str(identity), split


def _arrays(file: h5py.File, name: str) -> dict[str, np.ndarray]:
    layout.check(f"{file.filename}: sample {name!r}", file[name], layout.GRAPH)
    needed = ("positions", "types", "box", "senders", "receivers", "propensity", "standard_error")
    return store.arrays(file[name], needed, (*_OPTIONAL, "n_runs"))


def digest(path: str | Path, name: str) -> str:
    """Return a hash of a sample's wrapped positions (to 1e-3) and types: equal for copies under other names."""
    with store.opened(path, "graphs") as file:
        layout.check(f"{path}: sample {name!r}", file[name], layout.GRAPH)
        found = store.arrays(file[name], ("positions", "types", "box"), ())
    box = found["box"].astype(np.float64)
    cells = np.rint(wrap(found["positions"].astype(np.float64), box) * 1000).astype(np.int64)
    cells %= np.rint(box * 1000).astype(np.int64)
    return hashlib.sha256(cells.tobytes() + found["types"].astype(np.int8).tobytes()).hexdigest()


def check_separate(path: str | Path) -> None:
    """Raise InputError where one configuration is in two splits, under whatever name, or a split is empty."""
    seen: dict[str, tuple[str, str]] = {}
    found = []
    for split in splits.SPLITS:
        for name in samples(path, split):
            found.append(split)
            other, other_split = seen.setdefault(digest(path, name), (name, split))
            if other_split != split:
                raise InputError(
                    f"{path}: {name} ({split}) and {other} ({other_split}) are the same configuration; "
                    "a test on what was learned proves nothing"
                )
    splits.check(found, str(path))
