"""The relaxation stage: files in, sampling times out, and what it refuses."""

import subprocess
import sys

import numpy as np
import pytest

from analysis import relaxation
from analysis.liquid.correlation import relax
from simulate.files import store
from simulate.stage.command import InputError

TIME = np.round(np.concatenate([[0], 0.003 * 1.5 ** np.arange(15)]), 6)


@pytest.fixture(scope="module")
def relaxed():
    generator = np.random.default_rng(0)
    runs = [TIME[:, None, None] * np.sqrt(0.7) * generator.normal(size=(500, 3)) for _ in range(3)]
    return relax(TIME, runs)


def write_run(path, seed=0, temperature=0.7, time=TIME):
    generator = np.random.default_rng(seed)
    velocities = np.sqrt(0.7) * generator.normal(size=(250, 3))
    arrays = {
        "types": (np.arange(250) % 5 == 4).astype(np.int8),
        "box": np.full(3, 5.93),
        "time": time,
        "positions": (generator.uniform(0, 5.93, (250, 3)) + time[:, None, None] * velocities).astype(np.float32),
    }
    store.write(path, "relaxation_run", arrays, {"temperature": temperature})
    return str(path)


def command_line(*arguments):
    command = [sys.executable, "-m", "analysis.relaxation", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_sampling_times(relaxed):
    times = relaxation.sampling_times(["0.01", "F_s 0.9", "F_s 0.5", "1 tau_alpha", "50 tau_alpha"], relaxed)
    # Free flight: F_s = exp(-k^2 T t^2 / 2); points 50 % apart in time, linear in between.
    exact = np.sqrt(-2 * np.log([0.9, 0.5, 1 / np.e]) / 0.7) / 7.25
    np.testing.assert_allclose(times[1:4], exact, rtol=0.04)
    assert times[0] == 0.01
    # Ensembles may be longer than relaxation runs.
    assert times[4] == pytest.approx(50 * times[3])
    assert times[4] > relaxed.time[-1]


def test_sampling_times_are_multiples_of_the_time_step(relaxed):
    times = relaxation.sampling_times(["0.003", "0.1", "1 tau_alpha"], relaxed, time_step=0.003)
    np.testing.assert_array_equal(times[:2], [0.003, 0.099])
    with pytest.raises(InputError, match=r"'0\.05', expected at least one time step of 0\.1"):
        relaxation.sampling_times(["0.05", "0.2"], relaxed, time_step=0.1)
    assert times[2] / 0.003 == pytest.approx(round(times[2] / 0.003), abs=1e-6)


@pytest.mark.parametrize(
    ("expressions", "words"),
    [
        (["-1"], "positive number"),
        (["0"], "positive number"),
        (["soon"], "positive number"),
        (["1.2.3"], "positive number"),
        (["tau_alpha 2"], "positive number"),
        (["inf"], "positive number"),
        (["F_s 1.1"], "expected a value between"),
        (["F_s -0.5"], "positive number"),
    ],
)
def test_bad_times_are_named(relaxed, expressions, words):
    with pytest.raises(InputError, match=r"--times") as error:
        relaxation.sampling_times(expressions, relaxed)
    assert words in str(error.value)


def test_file_to_file(tmp_path):
    runs = [write_run(tmp_path / f"run{seed}.h5", seed) for seed in range(3)]
    done = command_line(*runs, "--times", "0.05", "1 tau_alpha", "--output", tmp_path / "out.h5")
    assert done.returncode == 0, done.stderr
    found = store.read(tmp_path / "out.h5", "relaxation", ("F_s", "F_s_error", "msd", "chi_4", "diffusion"))
    assert found["tau_alpha"] == pytest.approx(np.sqrt(2 / 0.7) / 7.25, rel=0.07)
    np.testing.assert_allclose(found["sampling_time"], [0.05, found["tau_alpha"]])
    assert found.settings["n_particles_A"] == 200
    assert found.settings["temperature"] == 0.7
    # float32 positions: the shortest displacements, 0.004, keep four digits.
    np.testing.assert_allclose(found["msd"], 3 * 0.7 * found["time"] ** 2, rtol=0.15)


def test_times_are_sorted_and_merged_and_each_expression_says_which_it_means(tmp_path):
    """Half of tau_alpha, 0.233, lies before 0.2, and one tau_alpha on the same step as 0.235."""
    run = write_run(tmp_path / "run.h5")
    times = ["0.2", "0.235", "0.5 tau_alpha", "1 tau_alpha"]
    done = command_line(run, "--times", *times, "--time-step", "0.02", "--output", tmp_path / "out.h5")
    assert done.returncode == 0, done.stderr
    found = store.read(tmp_path / "out.h5", "relaxation")
    np.testing.assert_allclose(found["sampling_time"], [0.12, 0.2, 0.24])
    assert found.settings["times"] == {"0.2": 0.2, "0.235": 0.24, "0.5 tau_alpha": 0.12, "1 tau_alpha": 0.24}


def test_tau_alpha_not_reached_says_how_long_to_run(tmp_path):
    short = write_run(tmp_path / "short.h5", time=TIME[TIME < 0.15])
    done = command_line(short, "--times", "0.05", "--output", tmp_path / "out.h5")
    assert done.returncode == 2
    assert "tau_alpha not reached" in done.stderr
    assert not (tmp_path / "out.h5").exists()
    asked = float(done.stderr.split("run for ")[1].split()[0])
    # Free flight crosses at 0.233.
    assert 0.233 < asked < 2


def test_runs_that_do_not_belong_together(tmp_path):
    first = write_run(tmp_path / "first.h5")
    for path, words in (
        (write_run(tmp_path / "hot.h5", temperature=0.8), "temperature 0.8, expected 0.7"),
        (write_run(tmp_path / "other.h5", time=TIME[:-1]), "its times differ"),
    ):
        with pytest.raises(InputError, match=words):
            relaxation.read([first, path])
