"""The readers of files, each with good files to start from: whatever the bytes, they read them or raise InputError."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from simulate.stage.command import InputError


@dataclass
class Reader:
    """What reads a file, what the file is called, and the good files that are spoilt."""

    read: Callable[[Path], object]
    name: str
    good: tuple[str, ...]


def _configuration(path: Path) -> None:
    from simulate import energy
    from simulate.files import formats as configuration

    found = configuration.read(path)
    energy.summary(found, found.temperature)


def _ensemble(path: Path) -> None:
    from analysis import propensity

    propensity.read(path)


def _relaxation(path: Path) -> None:
    from analysis import relaxation

    relaxation.read([path])


def _graphs(path: Path) -> None:
    from analysis.liquid import propensity_field as fields
    from learn.data import dataset

    for name in dataset.samples(path):
        dataset.load(path, name)
        dataset.digest(path, name)
    dataset.settings(path)
    fields.read(path)


def _predictions(path: Path) -> None:
    from analysis.liquid import propensity_field as fields

    fields.read(path.with_name("graphs.h5"), [path])


def _restart(path: Path) -> None:
    from simulate.files import restart

    restart.load(path.with_suffix(""), {"a": 1})


def _checkpoint(path: Path) -> None:
    from learn.models import checkpoint

    checkpoint.load(path)


def _bundle(path: Path) -> None:
    from learn import import_checkpoint

    import_checkpoint.to_network(import_checkpoint.read_bundle(path.with_suffix("")))


def _table(path: Path) -> None:
    from analysis import metrics
    from analysis.figures import scores

    metrics.collect([path])
    scores.read(path)


READERS = {
    "hdf5": Reader(_configuration, "sample.h5", ("sample.h5", "ensemble.h5", "graphs.h5", "relaxation_run.h5")),
    "ensemble": Reader(_ensemble, "ensemble.h5", ("ensemble.h5",)),
    "relaxation": Reader(_relaxation, "relaxation_run.h5", ("relaxation_run.h5",)),
    "graphs": Reader(_graphs, "graphs.h5", ("graphs.h5",)),
    "predictions": Reader(_predictions, "predictions.h5", ("predictions.h5",)),
    "restart": Reader(_restart, "run.h5.restart", ("run.h5.restart",)),
    "pickle": Reader(_ensemble, "public.pickle", ("public.pickle",)),
    "npz": Reader(_ensemble, "isoconfig_T0.44.npz", ("isoconfig_T0.44.npz",)),
    "checkpoint": Reader(_checkpoint, "model.pt", ("model.pt",)),
    "bundle": Reader(_bundle, "bundle.index", ("bundle.index",)),
    "gro": Reader(_configuration, "liquid.gro", ("liquid.gro",)),
    "pdb": Reader(_configuration, "liquid.pdb", ("liquid.pdb",)),
    "table": Reader(_table, "scores.csv", ("scores.csv",)),
}


def write_good(folder: Path) -> None:
    """Write the good files of all readers into a folder."""
    import numpy as np

    from simulate import trajectory
    from simulate.files import restart
    from tests.bad_input import good

    good.write(folder)
    restart.save(folder / "run.h5", {"a": 1}, {"step": np.arange(10)}, "step 10")
    start = good.structure()
    frames = trajectory.frames(start["positions"][None], start["types"], start["box"], np.zeros(1))
    frames.save_pdb(str(folder / "liquid.pdb"))


def attempt(reader: Reader, folder: Path, content: bytes) -> None:
    """Read `content` as the reader's file in a folder of good files; every error but InputError comes out."""
    path = folder / reader.name
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        reader.read(path)
