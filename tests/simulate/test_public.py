"""Public files. Those of GlassBench and of Bapst's second kind are made here: no package brings any."""

import pickle

import numpy as np
import pytest

from analysis import propensity
from learn.data import splits
from simulate import energy, published
from simulate.files import folder, formats, public, store
from simulate.stage.command import InputError
from tests.bad_input import good
from tests.simulate import stages

TIMES = public.GLASSBENCH_TIMES[0.44]


@pytest.fixture
def second_kind(tmp_path):
    """Propensities of both times, and the runs of the first alone."""
    runs = good.runs()
    told = [np.linalg.norm(run - good.structure()["positions"], axis=-1).mean(axis=0) for run in runs]
    content = good.public() | {"trajectory_target_positions": [runs[0]], "targets": told}
    (tmp_path / "second.pickle").write_bytes(pickle.dumps(content))
    return tmp_path / "second.pickle", np.array(told)


def glassbench(path, n=(170, 46)):
    """Write a file of GlassBench whose density is that of the set, and return its propensities (10, N)."""
    random = np.random.default_rng(3)
    edge = (sum(n) / public.BOTAN_DENSITY) ** (1 / 3)
    places = (good.structure()["positions"] / good.structure()["box"] * edge).astype(np.float32)
    told = random.uniform(0.1, 1, (10, sum(n))).astype(np.float32)
    arrays = {"types": np.repeat([1, 2], n), "initial_positions": places, "md_prop": told, "bb_prop": 1 - told}
    np.savez(path, **arrays, initial_positions_inherent=places + 0.01, BOTAN=told[:1])
    return told


def test_positions_are_enough_for_what_needs_only_them(second_kind, tmp_path, monkeypatch, capsys):
    """Nothing but positions, types and box, or those beside runs of one time."""
    content = good.structure() | {"time_indices": "none"}
    (tmp_path / "bare.pickle").write_bytes(pickle.dumps(content))
    np.savez(tmp_path / "bare_T0.56.npz", types=content["types"], initial_positions=content["positions"])
    for path in (second_kind[0], tmp_path / "bare.pickle", tmp_path / "bare_T0.56.npz"):
        stages.call(monkeypatch, energy.main, path)
        assert '"n_particles": 216' in capsys.readouterr().out
    assert formats.read(tmp_path / "bare_T0.56.npz").temperature == 0.56


def test_propensities_without_their_runs(second_kind, tmp_path, monkeypatch, capsys):
    """As published; how noisy they are is not known, and is said so, in the file as NaN."""
    path, told = second_kind
    found, _, settings = propensity.read(path)
    np.testing.assert_allclose(found.propensity, told)
    stages.call(monkeypatch, propensity.main, path, tmp_path / "direct.h5")
    assert "noise is not known, so there is no ceiling" in capsys.readouterr().out
    assert settings["n_runs"] is None
    assert all(np.isnan(ceiling).all() for ceiling in found.ceiling.values())
    outputs = ("--sample", tmp_path / "s.h5", "--ensemble", tmp_path / "e.h5")
    stages.call(monkeypatch, published.main, path, *outputs, "--is-values", 0.5)
    stages.call(monkeypatch, propensity.main, tmp_path / "e.h5", tmp_path / "p.h5")
    kept = store.read(tmp_path / "p.h5", "propensity")
    np.testing.assert_allclose(kept["propensity"], told[1:])
    assert np.isnan(kept["standard_error"]).all()
    assert np.isnan(kept["ceiling_A"]).all()


def test_targets_that_are_not_what_the_runs_give_are_told(second_kind, tmp_path, capsys):
    content = pickle.loads(second_kind[0].read_bytes())
    (tmp_path / "other.pickle").write_bytes(pickle.dumps(content | {"targets": content["targets"][::-1]}))
    public.ensemble(second_kind[0])
    assert capsys.readouterr().err == ""
    public.ensemble(tmp_path / "other.pickle")
    assert "warning: " in capsys.readouterr().err


def test_glassbench(tmp_path, monkeypatch):
    path = tmp_path / "N216T0.44_401.npz"
    told = glassbench(path)
    found = formats.read(path)
    assert (found.types == 1).sum() == 46
    assert (found.temperature, len(found.types) / found.box.prod()) == (0.44, pytest.approx(1.2))
    np.testing.assert_allclose(found.inherent_positions - found.positions, 0.01, atol=1e-6)
    whole = public.ensemble(path)
    assert whole.time.tolist() == list(TIMES)
    np.testing.assert_array_equal(whole.propensity, told)
    outputs = ("--sample", tmp_path / "s.h5", "--ensemble", tmp_path / "e.h5")
    stages.call(monkeypatch, published.main, path, *outputs, "--time", 13, 4120)
    np.testing.assert_array_equal(store.read(tmp_path / "e.h5")["propensity"], told[[2, 6]])
    with pytest.raises(InputError, match=r"no time 4000, expected one of 0\.13, 1\.3"):
        public.ensemble(path, [130, 4000])
    # Its times follow from the temperature: known from the name, or told.
    glassbench(tmp_path / "other.npz")
    with pytest.raises(InputError, match="known at the temperatures"):
        public.ensemble(tmp_path / "other.npz")
    assert public.ensemble(tmp_path / "other.npz", temperature=0.64).time[-1] == 520


def test_two_dimensions_are_refused(tmp_path):
    places, types = np.random.default_rng(0).uniform(size=(50, 2)), np.zeros(50, int)
    np.savez(tmp_path / "flat.npz", types=types, initial_positions=places)
    (tmp_path / "flat.pickle").write_bytes(pickle.dumps({"types": types, "positions": places, "box": np.ones(2)}))
    store.write(tmp_path / "flat.h5", "sample", {"types": types, "positions": places, "box": np.ones(3)}, {})
    for name in ("flat.npz", "flat.pickle", "flat.h5"):
        with pytest.raises(InputError, match="three-dimensional only"):
            formats.read(tmp_path / name)


def test_a_time_for_files_that_carry_theirs_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.pickle").write_bytes(pickle.dumps(good.public()))
    outputs = ("--sample", tmp_path / "s.h5", "--ensemble", tmp_path / "e.h5")
    with pytest.raises(InputError, match="carries its own times"):
        stages.call(monkeypatch, published.main, tmp_path / "a.pickle", *outputs, "--time", 4120)
    assert not (tmp_path / "s.h5").exists()


FOLDERS = {
    "two times": (["N4T0.44_1_tc05.npz", "N4T0.44_2_tc07.npz"], r"several times by their names \(tc05: .* tc07: "),
    "a time, and none": (["N4T0.44_1_tc05.npz", "N4T0.44_2.npz"], "several times by their names"),
    "two times of a configuration": (["N4T0.44_1_tc05.npz", "N4T0.44_1_tc07.npz"], "several times by their names"),
    "one configuration twice": (["a.pickle", "b/a.pkl"], r"one configuration twice .*a\.pickle and b/a\.pkl"),
    "two formats": (["a.pickle", "b.npz"], "files of one format"),
    "split already": (["train/a.npz", "test/b.npz", "notes/c.txt"], "lie in test and train; expected one of them"),
    "another temperature": (["T0.56/a_T0.56.npz"], r"no public file has T0\.440"),
    "a name in capitals": (["a.pickle", "b.PICKLE"], r"b\.PICKLE: expected a file whose name ends in"),
    "files of the system's": (["._a.pickle"], "holds no archive"),
    "nothing": (["notes.txt"], r"holds no archive .*, no .npz and no .pickle file$"),
}


def laid(folder, names):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).touch()


@pytest.mark.parametrize("wrong", FOLDERS)
def test_folders_that_are_refused(wrong, tmp_path):
    names, message = FOLDERS[wrong]
    laid(tmp_path, names)
    with pytest.raises(InputError, match=message):
        folder.public_files(tmp_path, 0.44)


def test_folders_that_are_fine(tmp_path):
    """BOTAN and GlassBench as they come; the latter keeps its test set, wherever its files lie."""
    laid(tmp_path / "botan", [f"isoconfig_N4096T0.44_{number}_tc07.npz" for number in range(3)])
    assert len(folder.public_files(tmp_path / "botan", 0.44)) == 3
    laid(
        tmp_path / "bench", ["T0.44/train/N4096T0.44_1.npz", "T0.44/test/N4096T0.44_401.npz", "T0.56/N4096T0.56_2.npz"]
    )
    files = folder.public_files(tmp_path / "bench", 0.44, alone=False)
    assert [splits.split(file.name, 0.0, 0.9) for file in files] == ["test", "train"]
    assert splits.split("N4096T0.44_7.npz", 0.99, 0.0) == "validation"


WRONG_TIMES = {
    "a.pickle": ([4120], ["F_s 0.9", 13.0], ["0.5 tau_alpha"]),
    "a.npz": (["F_s 0.5"], [13, 4120]),
}


def test_times_that_files_cannot_be_asked_for(tmp_path):
    for name, wrong in WRONG_TIMES.items():
        for times in wrong:
            with pytest.raises(InputError, match="expected"):
                folder.check_times([tmp_path / name], times)
    folder.check_times([tmp_path / "a.pickle"], ["F_s 0.9", "1 tau_alpha"])
    folder.check_times([tmp_path / "N4096T0.44_1.npz"], [13, 4120])
