"""Whatever the bytes of a file, its reader reads it or raises InputError: seeded spoilings of every good file."""

import contextlib
from pathlib import Path

import numpy as np
import pytest

from analysis import metrics, propensity, relaxation
from analysis.figures import scores
from analysis.liquid import propensity_field as fields
from learn import import_checkpoint
from learn.data import dataset
from learn.models import checkpoint
from simulate import energy, trajectory
from simulate.files import formats, restart
from simulate.liquid.configuration import Configuration
from simulate.stage.command import InputError
from tests.bad_input import good
from tests.simulate import test_formats

pytestmark = pytest.mark.bad_input
TRIES = 60


def configuration(path: Path) -> None:
    found = formats.read(path)
    energy.summary(found, found.temperature)


def graphs(path: Path) -> None:
    for name in dataset.samples(path):
        dataset.load(path, name)
        dataset.digest(path, name)
    dataset.settings(path)
    fields.read(path)


def bundle(path: Path) -> None:
    import_checkpoint.to_network(import_checkpoint.read_bundle(path.with_suffix("")))


def table(path: Path) -> None:
    metrics.collect([path])
    scores.read(path)


# file: what reads it
READERS = {
    "sample.h5": configuration,
    "ensemble.h5": propensity.read,
    "relaxation_run.h5": lambda path: relaxation.read([path]),
    "graphs.h5": graphs,
    "predictions.h5": lambda path: fields.read(path.with_name("graphs.h5"), [path]),
    "run.h5.restart": lambda path: restart.load(path.with_suffix(""), {"a": 1}),
    "public.pickle": propensity.read,
    "isoconfig_T0.44.npz": propensity.read,
    "model.pt": checkpoint.load,
    "bundle.index": bundle,
    "liquid.gro": configuration,
    **{f"liquid.{ending}": configuration for ending in ("pdb", "gsd", "dump", "extxyz", "traj", "data")},
    "scores.csv": table,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("spoilt")
    good.write(place)
    restart.save(place / "run.h5", {"a": 1}, {"step": np.arange(10)}, "step 10")
    start = good.structure()
    frames = trajectory.frames(start["positions"][None], start["types"], start["box"], np.zeros(1))
    frames.save_pdb(str(place / "liquid.pdb"))
    found = Configuration(**start)
    test_formats.by_gsd(place / "liquid.gsd", found)
    (place / "liquid.dump").write_text(test_formats.dump(found, "id type xs ys zs"))
    for ending, form in (("extxyz", "extxyz"), ("traj", "traj"), ("data", "lammps-data")):
        test_formats.by_ase(place / f"liquid.{ending}", found, form, test_formats.symbols(found, ["Ni", "P"]))
    return place


def spoilt(content: bytes, random: np.random.Generator) -> bytes:
    """Return a file with a few bytes changed, a piece missing, doubled, or cut off."""
    found = bytearray(content)
    kind = random.integers(5)
    place, length = random.integers(len(found)), int(random.geometric(0.02))
    if kind <= 1:
        # Most that a reader decides about stands near the beginning.
        for _ in range(random.integers(1, 9)):
            at = min(len(found) - 1, int(random.exponential(len(found) / 8)))
            found[at] = random.integers(256)
    elif kind == 2:
        del found[place:]
    elif kind == 3:
        del found[place : place + length]
    else:
        found[place:place] = found[place : place + length]
    return bytes(found)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", READERS)
def test_spoilt_files_are_read_or_refused(name, folder):
    random, path = np.random.default_rng(12), folder / name
    whole = path.read_bytes()
    try:
        for number in range(TRIES):
            path.write_bytes(spoilt(whole, random))
            try:
                with contextlib.suppress(InputError):
                    READERS[name](path)
            except Exception as error:
                raise AssertionError(f"{name}, try {number}: {error!r}") from error
    finally:
        path.write_bytes(whole)
