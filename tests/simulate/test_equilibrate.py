"""Equilibration as a stage: a sample with its evidence, refused where it is not in equilibrium."""

import numpy as np
import pytest

from simulate.equilibrate import Protocol, main, start
from simulate.files import formats as configuration
from simulate.files import store
from simulate.liquid import kob_andersen
from simulate.stage.command import InputError
from simulate.stage.seeds import generator
from tests.simulate import stages

QUICK = ("--particles", 160, "--temperature", 1.0, "--melt-time", 1, "--cooling-time", 1, "--platform", "CPU")


def test_hasty_sample_is_refused_and_marked_where_allowed(tmp_path, monkeypatch):
    output = tmp_path / "sample.h5"
    settings = (*QUICK, "--relaxation-times", 0.3, "--output", output)
    with pytest.raises(InputError, match=r"not equilibrated: F_s_since_quench is .*, expected below 0\.2"):
        stages.call(monkeypatch, main, *settings)
    assert not output.exists()
    stages.call(monkeypatch, main, *settings, "--allow-unequilibrated")
    assert not store.read(output, "sample")["equilibrated"]


@pytest.mark.physics
def test_sample_carries_its_evidence(tmp_path):
    output = tmp_path / "sample.h5"
    done = stages.run("equilibrate", *QUICK, "--relaxation-times", 8, "--sample", 3, "--output", output)
    assert done.returncode == 0, done.stderr
    sample = store.read(output, "sample", ("positions", "types", "box", "energy", "energy_time"))
    assert sample["equilibrated"]
    assert sample["F_s_since_quench"] < 0.2
    assert sample["crystalline_fraction"] < 0.1
    assert len(sample["types"]) / np.prod(sample["box"]) == pytest.approx(1.2)
    # U/N = -6.01 at T = 1.0 (RUMD); one configuration of 160 particles scatters by 0.1.
    assert sample["energy"][-40:].mean() == pytest.approx(-6.01, abs=0.3)
    assert sample.settings["temperature"] == configuration.read(output).temperature == 1.0
    assert "CPU" in sample.provenance["platform"]


def test_start_is_a_lattice_without_overlap(device):
    for n in (151, 256, 257):
        positions, types, box = start(n, 1.2, generator(0, "equilibrate", 1.0, 0), device)
        assert positions.shape == (n, 3)
        assert (types == 1).sum() == round(0.2 * n)
        kob_andersen.check_overlap(positions, types, box)


def test_bath_melts_cools_and_holds():
    protocol = Protocol(melt=100, cooled=200, total=1000, melt_temperature=2.0, temperature=0.5)
    assert [protocol.bath(step) for step in (0, 100, 150, 200, 1000)] == [2.0, 2.0, 1.25, 0.5, 0.5]
    quench = Protocol(melt=100, cooled=100, total=1000, melt_temperature=2.0, temperature=0.5)
    assert [quench.bath(step) for step in (99, 100)] == [2.0, 0.5]
