"""Archives of reduced configurations: what comes back, what is left out, and what they say of equilibrium."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest

from analysis import archive as command
from learn import graph
from learn.data import archive, dataset
from simulate.files import store
from simulate.liquid.scattering import WAVE_NUMBER
from simulate.stage.command import InputError
from tests.conftest import ROOT
from tests.learn.conftest import make_structure

TIME = np.array([0.1, 1.0, 10.0])
RUNS, TEMPERATURE, TAU_ALPHA = 16, 0.64, 8.0
KNOWN = {"energy_drift": 0.3, "F_s_since_quench": 0.02, "rms_displacement": 2.0, "crystalline_fraction": 0.01}


def write_sample(folder, number, time=TIME):
    """A configuration whose particles move by lognormal amounts, in runs that are fast or slow as a whole."""
    random = np.random.default_rng(number)
    positions, types, box = make_structure(number)
    scale = np.sqrt(time)[:, None, None, None] * np.exp(0.3 * random.normal(size=(1, 1, len(types), 1)))
    fast = np.exp(0.2 * random.normal(size=(1, RUNS, 1, 1)))
    moved = 0.1 * scale * fast * random.normal(size=(len(time), RUNS, len(types), 3))
    start = {"positions": positions + number * box, "types": types, "box": box}
    settings = {"temperature": TEMPERATURE, "sample": number, "seed": 5, "relaxation_times": 10.0}
    store.write(folder / "sample.h5", "sample", start | KNOWN, settings)
    quenched = {"inherent_positions": start["positions"] + 0.01 * random.normal(size=positions.shape)}
    store.write(folder / "inherent.h5", "inherent", start | quenched, settings)
    targets = (start["positions"] + moved).astype(np.float32)
    runs = start | {"time": time, "trajectory_target_positions": targets}
    store.write(folder / "isoconfigurational.h5", "isoconfigurational", runs, settings)


def write_relaxation(folder, number):
    """A Brownian trajectory: F_s = exp(-t / TAU_ALPHA)."""
    random = np.random.default_rng(1000 + number)
    time, types = np.arange(0, 61.0), np.zeros(200, dtype=np.int8)
    steps = random.normal(size=(len(time), len(types), 3)) * np.sqrt(2 / TAU_ALPHA) / WAVE_NUMBER
    arrays = {"types": types, "box": np.full(3, 6.0), "time": time, "positions": np.cumsum(steps, axis=0)}
    store.write(folder / "relaxation_run.h5", "relaxation_run", arrays, {"temperature": TEMPERATURE})


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "T0.640"
    for number in range(6):
        write_sample(folder / f"samples/s{number:04d}", number)
    for number in range(3):
        write_relaxation(folder / f"samples/s{number:04d}", number)
    runs = sorted(map(str, folder.glob("samples/*/relaxation_run.h5")))
    words = ["analysis.relaxation", *runs, "--times", *map(str, TIME), "--output", str(folder / "relaxation.h5")]
    subprocess.run([sys.executable, "-m", *words], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def kept(results):
    path = results.parent / "kept.h5"
    assert command.collect(results, path, []) == 6
    return path


def test_what_comes_back_differs_by_far_less_than_its_noise(results, kept):
    for name in archive.contents(kept).names:
        (expected, time, _), found = command.reduce(results / "samples" / name), archive.read(kept, name)
        np.testing.assert_array_equal(found["time"], time)
        noise = np.median(expected["standard_error"], axis=1)
        error = np.abs(found["propensity"] - expected["halves"].mean(axis=0))
        assert (error.max(axis=1) < 0.01 * noise).all()
        assert (np.abs(found["halves"] - expected["halves"]).max(axis=(0, 2)) < 0.01 * noise).all()
        np.testing.assert_allclose(found["standard_error"], expected["standard_error"], rtol=0.02)
        for key in ("overlap", "F_s", "reliability_A", "reliability_B", "types", "box", "n_runs", *KNOWN):
            np.testing.assert_array_equal(found[key], expected[key])
        shift = found["positions"] - expected["positions"]
        np.testing.assert_allclose(shift, np.rint(shift / found["box"]) * found["box"], atol=1e-6)
        np.testing.assert_allclose(found["inherent_positions"] - expected["inherent_positions"], shift, atol=1e-6)


def test_noise_and_what_a_run_has_in_common_cancel_between_the_halves(kept):
    """True mean displacements are known up to a common scale: the halves' covariance is their variance."""
    products, truths = [], []
    for number, name in enumerate(archive.contents(kept).names):
        found, random = archive.read(kept, name), np.random.default_rng(number)
        amplitude = np.exp(0.3 * random.normal(size=found["types"].size))
        truths.append(np.var(amplitude / amplitude.mean()))
        products.append([np.cov(*(half[t] / half[t].mean() for half in found["halves"]))[0, 1] for t in range(3)])
    ratio = np.mean(products) / np.mean(truths)
    assert ratio == pytest.approx(1, abs=0.1)


def test_graphs_of_an_archive_are_those_of_the_folders(results, kept, tmp_path):
    folders = sorted(results.glob("samples/*"))
    for folder in folders:
        words = ["analysis.propensity", str(folder / "isoconfigurational.h5"), str(folder / "propensity.h5")]
        subprocess.run([sys.executable, "-m", *words], check=True, capture_output=True)
    share = {"cutoff": 2.0, "validation": 0.2, "test": 0.2}
    names = archive.contents(kept).names
    graph.collect(folders, names, tmp_path / "folders.h5", **share)
    words = ["learn.graph", str(kept), "--validation", "0.2", "--test", "0.2", "--output", str(tmp_path / "kept.h5")]
    subprocess.run([sys.executable, "-m", *words], check=True, capture_output=True)
    assert dataset.settings(tmp_path / "kept.h5") == dataset.settings(tmp_path / "folders.h5")
    for name in names:
        ours, theirs = (dataset.load(tmp_path / f"{kind}.h5", name) for kind in ("kept", "folders"))
        assert (ours.split, ours.identity, ours.n_runs) == (theirs.split, theirs.identity, theirs.n_runs)
        np.testing.assert_array_equal(ours.graph.senders, theirs.graph.senders)
        error = np.abs(ours.propensity - theirs.propensity).max(axis=1)
        assert (error < 0.01 * np.median(theirs.standard_error, axis=1)).all()
        np.testing.assert_array_equal(ours.reliability_A, theirs.reliability_A)


def test_only_what_is_finished_and_new_is_taken(results, kept, tmp_path):
    write_sample(tmp_path / "T0.640/samples/s0003", 3)
    write_sample(tmp_path / "T0.640/samples/s0008", 8)
    write_sample(tmp_path / "T0.640/samples/s0009", 9)
    (tmp_path / "T0.640/samples/s0009/inherent.h5").unlink()
    for name in ("relaxation.h5", "samples/s0000/relaxation_run.h5"):
        (tmp_path / "T0.640" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "T0.640" / name).write_bytes((results / name).read_bytes())
    assert command.collect(tmp_path / "T0.640", tmp_path / "more.h5", [kept]) == 1
    assert archive.contents(tmp_path / "more.h5").names == ["s0008"]
    assert command.collect(tmp_path / "T0.640", tmp_path / "none.h5", [kept, tmp_path / "more.h5"]) == 0
    assert not (tmp_path / "none.h5").exists()
    before = (tmp_path / "more.h5").read_bytes()
    with pytest.raises(FileExistsError, match="never rewritten"):
        command.collect(tmp_path / "T0.640", tmp_path / "more.h5", [kept])
    assert (tmp_path / "more.h5").read_bytes() == before
    write_sample(tmp_path / "T0.640/samples/s0010", 10, time=TIME * 2)
    with pytest.raises(InputError, match="s0010: other settings or times than"):
        command.collect(tmp_path / "T0.640", tmp_path / "mixed.h5", [kept])


def test_damage_is_told(kept, tmp_path):
    with pytest.raises(InputError, match="expected 'archive'"):
        archive.contents(next(kept.parent.glob("T0.640/relaxation.h5")))
    with pytest.raises(InputError, match="no configuration 's0099'"):
        archive.read(kept, "s0099")
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes(kept.read_bytes())
    with h5py.File(damaged, "a") as file:
        del file["s0000/halves"]
    with pytest.raises(InputError, match="halves"):
        archive.read(damaged, "s0000")


def test_table_of_equilibrium(kept, capsys, monkeypatch):
    (row,) = command.acceptance([kept])
    tau_alpha = float(row["tau_alpha"].split()[0])
    assert tau_alpha == pytest.approx(TAU_ALPHA, rel=0.1)
    first, last = map(float, row["F_s(tau_alpha), first and last half"].split(", "))
    assert first == pytest.approx(np.exp(-1), abs=0.06)
    assert last == pytest.approx(np.exp(-1), abs=0.06)
    assert row["configurations"] == "6"
    # A lattice.
    assert row["accepted"] == "no"
    monkeypatch.setattr(sys, "argv", ["analysis.archive", str(kept)])
    command.main()
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.physics
def test_the_kept_liquids_are_in_equilibrium_and_small():
    paths = sorted((ROOT / "data").glob("*.h5"))
    for row in command.acceptance(paths):
        assert row["accepted"] == "yes", row
        assert float(row["held"]) > 8
    held = [(archive.contents(path).temperature, name) for path in paths for name in archive.contents(path).names]
    assert len(set(held)) == len(held)
    assert sum(path.stat().st_size for path in paths) < 24e6


@pytest.mark.physics
def test_published_interpolation_is_that_of_the_reference_runs():
    for temperature, energy, pressure in ((2.0, -4.6539, 19.318), (0.8, -6.346, 7.601), (0.45, -7.0120, 3.061)):
        found = command.published(temperature, 1.2)
        assert found == (pytest.approx(energy, abs=0.004), pytest.approx(pressure, abs=0.02))


@pytest.mark.parametrize("path", sorted((ROOT / "data").glob("*.h5")), ids=lambda path: path.name)
def test_what_is_kept_names_no_machine(path):
    with h5py.File(path) as file:
        made = json.loads(file.attrs["provenance"])
    assert not [word for word in (*made["command"], *made["inputs"]) if word.startswith("/")]
