"""How a stage ends that is told to stop."""

import itertools
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from simulate.files import store
from simulate.liquid import kob_andersen
from simulate.stage import command
from tests.simulate import stages
from tests.simulate.stages import ENVIRONMENT, ROOT

# A stage that works on a file, says so, and then is busy for a minute.
STAGE = """
import sys, time
from simulate.files import store
from simulate.stage import command

def main():
    with store.create(sys.argv[1], "sample", {}) as file:
        print("busy", flush=True)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                time.sleep(0.05)
            except Exception:
                pass
            if command.stop_requested():
                raise command.Interrupted("its restart file is written")

command.run(POLLED(main))
"""


@pytest.fixture
def busy(tmp_path):
    """The function (whether the stage polls) -> a stage of its own process, at work."""
    started = []

    def start(polled: bool) -> subprocess.Popen:
        text = STAGE.replace("POLLED", "command.polling()" if polled else "")
        words = [sys.executable, "-c", text, str(tmp_path / "out.h5")]
        stage = subprocess.Popen(
            words, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(stage)
        assert stage.stdout.readline() == "busy\n"
        return stage

    yield start
    for stage in started:
        stage.kill()
        stage.communicate()


@pytest.mark.parametrize(
    ("polled", "number", "message"),
    [
        (False, signal.SIGTERM, "error: stopped by SIGTERM\n"),
        (True, signal.SIGTERM, "error: its restart file is written\n"),
        (True, signal.SIGURG, "error: its restart file is written\n"),
    ],
)
def test_a_stage_ends_in_one_line_and_leaves_nothing(busy, tmp_path, polled, number, message):
    stage = busy(polled)
    stage.send_signal(number)
    _, said = stage.communicate(timeout=30)
    assert (stage.returncode, said) == (143, message)
    assert not list(tmp_path.iterdir())


def test_a_warning_does_not_end_what_has_nothing_to_save(busy):
    stage = busy(False)
    stage.send_signal(signal.SIGURG)
    with pytest.raises(subprocess.TimeoutExpired):
        stage.communicate(timeout=0.5)
    stage.send_signal(signal.SIGTERM)
    assert stage.wait(timeout=30) == 143


@pytest.mark.parametrize("moment", [1, 3])
def test_told_to_end_while_hdf5_writes(tmp_path, monkeypatch, moment):
    """HDF5 calls back for every write: it must not learn of the signal, and the file must not appear."""
    calls = itertools.count(1)

    def told(content):
        if next(calls) == moment:
            raise command.Terminated("stopped by SIGTERM")
        return memoryview(content)

    monkeypatch.setattr(store, "memoryview", told, raising=False)
    with pytest.raises(command.Terminated):
        store.write(tmp_path / "out.h5", "sample", {"positions": np.zeros((10_000, 3))}, {})
    assert next(calls) > moment
    assert not list(tmp_path.iterdir())


def test_what_does_not_poll_within_what_does_ends_at_once(monkeypatch):
    """As first weights do, which training draws before its first step."""
    monkeypatch.setattr(command, "_stop", {"requested": False, "polled": False, "raised": None})
    before = signal.signal(signal.SIGTERM, command._on_signal)
    try:
        with command.polling():
            os.kill(os.getpid(), signal.SIGTERM)
            assert command.stop_requested()
            with command.polling(False), pytest.raises(command.Terminated):
                os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(command.Terminated):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(("number", "status", "message"), [(15, 143, "stopped while"), (2, 130, "interrupted")])
def test_a_minimisation_stops_at_once(tmp_path, number, status, message):
    """One native call as long as the stage: 27,000 particles, and a tolerance that is never reached."""
    box, sites = kob_andersen.cubic_box(27_000), np.stack(np.meshgrid(*[np.arange(30)] * 3), axis=-1).reshape(-1, 3)
    generator = np.random.default_rng(0)
    positions = sites * box / 30 + generator.normal(scale=0.02, size=sites.shape)
    types = generator.permutation(kob_andersen.composition(27_000))
    store.write(tmp_path / "lattice.h5", "sample", {"positions": positions, "types": types, "box": box}, {})
    arguments = ("--platform", "CPU", "--tolerance", 1e-30)
    stage = stages.start("inherent_structure", tmp_path / "lattice.h5", tmp_path / "out.h5", *arguments)
    while "iteration" not in stage.stderr.readline():
        assert stage.poll() is None
    time.sleep(2)
    stage.send_signal(number)
    _, said = stage.communicate(timeout=30)
    assert stage.returncode == status
    assert f"error: {message}" in said
    assert [path.name for path in tmp_path.iterdir()] == ["lattice.h5"]
