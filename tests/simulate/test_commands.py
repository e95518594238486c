"""The command lines that others script against: what they print, and what they write."""

import json

import numpy as np
import pytest

from simulate import energy, isoconfigurational, published
from simulate import inherent_structure as inherent
from simulate.files import formats, store
from simulate.liquid import ensemble
from simulate.stage.command import InputError
from tests.simulate import stages


def test_energy_prints_one_line_of_json(sample):
    done = stages.run("energy", sample)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    found = json.loads(done.stdout)
    names = "n_particles energy_per_particle energy_per_particle_unshifted pressure temperature nearest_distance"
    assert list(found) == [*names.split(), "directed_pairs"]
    assert found["n_particles"] == 216
    assert found["temperature"] == 1.0


@pytest.mark.physics
def test_pressure_grows_by_the_ideal_share(sample, monkeypatch, capsys):
    pressures = []
    for temperature in (1.0, 1.5):
        stages.call(monkeypatch, energy.main, sample, "--temperature", temperature)
        pressures.append(json.loads(capsys.readouterr().out)["pressure"])
    assert pressures[1] - pressures[0] == pytest.approx(1.2 * 0.5)


def test_isoconfigurational_takes_times_from_a_relaxation_file(sample, tmp_path, monkeypatch, liquid):
    relaxation, output = tmp_path / "relaxation.h5", tmp_path / "out.h5"
    store.write(relaxation, "relaxation", {"sampling_time": np.array([0.1, 0.25])}, {})
    common = ("--configuration", sample, "--temperature", 1.0, "--runs", 2, "--platform", "CPU")
    stages.call(monkeypatch, isoconfigurational.main, *common, "--times-from", relaxation, "--output", output)
    found = store.read(output, "isoconfigurational", ("types", "box", "positions"))
    np.testing.assert_array_equal(found["time"], [0.1, 0.25])
    targets = found["trajectory_target_positions"]
    assert targets.shape == (2, 2, 216, 3)
    assert targets.dtype == np.float32
    assert found.settings["periodic_ensemble"] == "exact"
    length = np.linalg.norm(targets - liquid.positions, axis=-1).mean(axis=(1, 2))
    assert 0.05 < length[0] < length[1] < 1


def test_jobs_that_share_a_gpu_are_told_how_many_contexts_to_make(sample, tmp_path, monkeypatch):
    counted, run = [], ensemble.run
    monkeypatch.setattr(ensemble, "run", lambda *all, **named: (counted.append(len(all[2])), run(*all, **named)))
    common = ("--configuration", sample, "--temperature", 1.0, "--runs", 3, "--platform", "CPU", "--times", 0.03)
    monkeypatch.setenv("SUPERCOOLED_CONTEXTS", "2")
    stages.call(monkeypatch, isoconfigurational.main, *common, "--output", tmp_path / "out.h5")
    assert counted == [2]
    monkeypatch.setenv("SUPERCOOLED_CONTEXTS", "many")
    with pytest.raises(InputError, match="--at-once: invalid count value: 'many'"):
        stages.call(monkeypatch, isoconfigurational.main, *common, "--output", tmp_path / "other.h5")


def test_supercell_is_labelled(sample, tmp_path, monkeypatch):
    output = tmp_path / "out.h5"
    common = ("--configuration", sample, "--temperature", 1.0, "--runs", 3, "--platform", "CPU", "--times", 0.03)
    stages.call(monkeypatch, isoconfigurational.main, *common, "--supercell", 2, "--output", output)
    found = store.read(output)
    assert found.settings["periodic_ensemble"] == "supercell 2"
    assert found["trajectory_target_positions"].shape == (1, 3, 216, 3)


def test_inherent_writes_what_the_learning_stage_reads(sample, tmp_path, monkeypatch, capsys):
    output = tmp_path / "inherent.h5"
    stages.call(monkeypatch, inherent.main, sample, output, "--platform", "CPU")
    found = store.read(output, "inherent", ("positions", "types", "box", "inherent_positions"))
    assert found["inherent_energy"].shape == (216,)
    assert f"{found['inherent_energy'].mean():.5f}" in capsys.readouterr().out


def test_public_files_become_ours(reference, tmp_path, monkeypatch):
    outputs = ("--sample", tmp_path / "s.h5", "--ensemble", tmp_path / "e.h5")
    pickle = reference / "deepmind" / "test_small.pickle"
    stages.call(monkeypatch, published.main, pickle, *outputs)
    whole = store.read(tmp_path / "e.h5", "isoconfigurational")
    assert (np.diff(whole["time"]) > 0).all()
    assert (np.diff(whole["is_values"]) < 0).all()
    stages.call(monkeypatch, published.main, pickle, *outputs, "--is-values", 0.368, 0.9)
    chosen = store.read(tmp_path / "e.h5")
    np.testing.assert_allclose(chosen["is_values"], [0.9, np.exp(-1)])
    kept = [int(np.flatnonzero(whole["time"] == time)[0]) for time in chosen["time"]]
    np.testing.assert_array_equal(chosen["trajectory_target_positions"], whole["trajectory_target_positions"][kept])
    botan = reference / "botan" / "isoconfig_N4096T0.44_1_tc07.npz"
    with pytest.raises(InputError, match="expected --time"):
        stages.call(monkeypatch, published.main, botan, *outputs)
    stages.call(monkeypatch, published.main, botan, *outputs, "--time", 4120)
    assert store.read(tmp_path / "e.h5")["trajectory_target_positions"].shape == (1, 32, 4096, 3)
    assert store.read(tmp_path / "s.h5", "sample").settings["temperature"] == 0.44


def test_an_input_is_never_written_over(sample, tmp_path, monkeypatch):
    """Under its own name or another one."""
    copy = tmp_path / "copy.h5"
    copy.write_bytes(sample.read_bytes())
    (tmp_path / "link.h5").symlink_to(copy)
    for output in (copy, tmp_path / "link.h5"):
        with pytest.raises(InputError, match="is an input, expected another name"):
            stages.call(monkeypatch, inherent.main, copy, output, "--platform", "CPU")
    assert copy.read_bytes() == sample.read_bytes()
    assert (tmp_path / "link.h5").is_symlink()


def test_a_temperature_that_is_none_is_refused(liquid, tmp_path):
    arrays = {"positions": liquid.positions, "types": liquid.types, "box": liquid.box}
    store.write(tmp_path / "cold.h5", "sample", arrays, {"temperature": -1.5})
    with pytest.raises(InputError, match=r"temperature -1\.5, expected a positive number"):
        formats.read(tmp_path / "cold.h5")
