"""The workflow from elsewhere: from another working directory, by address, and as a module of another workflow."""

import functools
import http.server
import json
import os
import threading

import numpy as np
import pytest

from simulate.files import provenance, store
from tests.conftest import ROOT
from tests.workflow.conftest import snakemake

SMALL = (
    "temperatures=[1.5]",
    "samples=6",
    "liquid={particles: 256}",
    "equilibration={melt_time: 1, cooling_time: 1, relaxation_times: 2}",
    "relaxation={samples: 1, duration: 4}",
)


@pytest.fixture
def from_path(tmp_path):
    """Call the repository's Snakefile from an empty folder."""
    return functools.partial(snakemake, "--snakefile", str(ROOT / "Snakefile"), cwd=tmp_path)


def test_from_another_folder(from_path, tmp_path):
    # A folder of plain scripts may be called like one of the packages.
    (tmp_path / "analysis").mkdir()
    (tmp_path / "analysis/relaxation.py").write_text("raise SystemExit('not this one')\n")
    wanted = "results/T1.500/relaxation.h5"
    outcome = from_path(wanted, "--show-failed-logs", "--config", *SMALL)
    assert outcome.status == 0, outcome.output
    assert store.read(tmp_path / wanted, "relaxation").provenance["commit"] == provenance.commit()
    assert (tmp_path / "results/logs/T1.500/relaxation.log").exists()
    # At this temperature half of tau_alpha lies before 0.5 tau, which comes before it in the configuration.
    found = store.read(tmp_path / wanted, "relaxation")
    assert found.settings["times"]["0.5 tau_alpha"] < found.settings["times"]["0.5"]
    assert (np.diff(found["sampling_time"]) > 0).all()
    assert from_path(wanted, "--dry-run", "--config", *SMALL).planned() == {}


def test_a_package_that_hides_ours_is_refused(from_path, tmp_path):
    (tmp_path / "learn").mkdir()
    (tmp_path / "learn/__init__.py").touch()
    outcome = from_path("--dry-run")
    assert outcome.status != 0
    assert f"error: {tmp_path / 'learn'}: hides the workflow's package" in outcome.output
    assert "Traceback" not in outcome.output


def test_as_a_module(tmp_path):
    call = functools.partial(
        snakemake,
        "--snakefile",
        str(ROOT / "tests/workflow/outer/Snakefile"),
        "--config",
        f"supercooled={ROOT / 'Snakefile'}",
        cwd=tmp_path,
    )
    outcome = call("--show-failed-logs")
    assert outcome.status == 0, outcome.output
    assert json.loads((tmp_path / "energy.json").read_text())["n_particles"] == 256
    assert (tmp_path / "glass/logs/T1.500/s0000/equilibrate.log").exists()
    planned = call("--dry-run", "supercooled_propensities").planned()
    assert planned["supercooled_equilibrate"] == 5
    assert planned["supercooled_propensity"] == 6


def test_by_address_with_the_packages_installed(tmp_path):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=ROOT)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/Snakefile"
        outcome = snakemake(
            "--snakefile", address, "--dry-run", cwd=tmp_path, environment={"PYTHONPATH": os.fspath(ROOT)}
        )
        server.shutdown()
    assert outcome.status == 0, outcome.output
    assert outcome.planned()["report"] == 1
    # What would be in another place at the next call is no input.
    assert "report.py" not in outcome.output


def test_where_catalogs_look_for_it_stands_the_same():
    arguments = (
        "--dry-run",
        "--quiet",
        "rules",
        "--configfile",
        "tests/config.yaml",
        "--config",
        "pathvars={results: no}",
    )
    there = snakemake("--snakefile", "workflow/Snakefile", *arguments)
    assert there.status == 0, there.output
    assert there.planned() == snakemake(*arguments).planned() != {}
