"""Killed, warned, out of disk, blown up: nothing half-written, and the rerun ends as if nothing had happened."""

import resource
import signal
import time
from functools import partial

import numpy as np
import pytest

from simulate.files import restart, store
from tests.simulate import stages

EQUILIBRATE = ("--particles", 160, "--temperature", 1.0, "--platform", "CPU", "--allow-unequilibrated")


def ensemble_of(sample, *more):
    times = ("--times", 0.3, 1.2)
    common = ("--configuration", sample, "--temperature", 1.0, "--runs", 3, *times, "--platform", "CPU")
    return ("isoconfigurational", *common, "--restart-interval", 100, *more)


def wait_for(path, process, seconds=60):
    until = time.monotonic() + seconds
    while not path.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)


def killed_until_done(generator, kills, *stage):
    """Run a stage, killing it `kills` times at random moments, and return how often it was really killed."""
    happened = 0
    for _ in range(kills):
        process = stages.start(*stage)
        wait_for(restart.path(stage[-1]), process)
        time.sleep(generator.exponential(0.15))
        happened += process.poll() is None
        process.kill()
        process.communicate()
    done = stages.run(*stage)
    assert done.returncode == 0, done.stderr
    return happened


def test_sigterm_writes_a_restart_and_the_rerun_ends_with_the_same_bits(tmp_path, sample):
    whole, output = tmp_path / "whole.h5", tmp_path / "stopped.h5"
    assert stages.run(*ensemble_of(sample, "--output", whole)).returncode == 0
    process = stages.start(*ensemble_of(sample, "--threads", 2, "--output", output))
    wait_for(restart.path(output), process)
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 143, log
    assert "the same command goes on from there" in log
    assert not output.exists()
    assert stages.run(*ensemble_of(sample, "--output", output)).returncode == 0
    first, second = (store.read(path)["trajectory_target_positions"] for path in (whole, output))
    np.testing.assert_array_equal(first, second)
    assert not restart.path(output).exists()


@pytest.mark.slow
def test_twenty_kills_change_nothing(tmp_path, sample):
    generator, happened = np.random.default_rng(20), 0
    settings = (*EQUILIBRATE, "--relaxation-times", 8, "--restart-interval", 50)
    for index, stage in enumerate(
        [
            ("equilibrate", *settings),
            ensemble_of(sample),
            ensemble_of(sample, "--threads", 2, "--integrator", "langevin"),
        ]
    ):
        whole, output = tmp_path / f"whole{index}.h5", tmp_path / f"killed{index}.h5"
        done = stages.run(*stage, "--output", whole)
        assert done.returncode == 0, done.stderr
        happened += killed_until_done(generator, 8, *stage, "--output", output)
        first, second = store.read(whole), store.read(output)
        assert first.arrays.keys() == second.arrays.keys()
        for name, array in first.arrays.items():
            np.testing.assert_array_equal(array, second[name], err_msg=name)
    assert happened >= 20


def test_restart_of_other_settings_is_ignored_with_a_message(tmp_path, sample):
    output = tmp_path / "out.h5"
    restart.save(output, {"temperature": 2.0}, {"step": np.array(3)}, "step 3")
    done = stages.run(*ensemble_of(sample, "--output", output))
    assert done.returncode == 0
    assert "ignored, it was made with other settings (" in done.stderr


def test_truncated_restart_is_ignored_with_a_message(tmp_path, capsys):
    output = tmp_path / "out.h5"
    restart.save(output, {"a": 1}, {"step": np.zeros(1000)}, "step 3")
    assert restart.load(output, {"a": 1})["step"].shape == (1000,)
    file = restart.path(output)
    file.write_bytes(file.read_bytes()[:2000])
    assert restart.load(output, {"a": 1}) is None
    assert "restart file ignored" in capsys.readouterr().err


@pytest.mark.parametrize("limit", [3_000, 25_000], ids=["at the first restart", "later"])
def test_full_disk_is_one_line_and_leaves_no_output(tmp_path, sample, limit):
    """A limit on the size of files stands for a full disk: writing beyond it fails in the same place."""
    output = tmp_path / "out.h5"
    small = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit))
    done = stages.run(*ensemble_of(sample, "--output", output), preexec_fn=small)
    assert done.returncode == 1, done.stderr
    assert "error:" in stages.error_of(done)
    assert not output.exists()
    assert not [path for path in tmp_path.iterdir() if not path.name.endswith(".restart")]


def test_blow_up_leaves_no_output(tmp_path, sample):
    output = tmp_path / "out.h5"
    done = stages.run(*ensemble_of(sample, "--time-step", 0.05, "--output", output))
    assert done.returncode == 2
    message = stages.error_of(done)
    assert "blew up at step" in message
    assert "at temperature 1.0" in message
    assert not output.exists()
