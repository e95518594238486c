"""The workflow from elsewhere: from another working directory, by address, and as a module of another workflow."""

import functools
import http.server
import json
import os
import shutil
import subprocess
import threading

import numpy as np
import pytest

from simulate.files import provenance, store
from tests.conftest import ROOT
from tests.workflow import copies
from tests.workflow.conftest import snakemake

SMALL = (
    "temperatures=[1.5]",
    "samples=6",
    "liquid={particles: 256}",
    "equilibration={melt_time: 1, cooling_time: 1, relaxation_times: 2}",
    "relaxation={samples: 1, duration: 4}",
)
# What may lie in a folder from which Snakemake is called: scripts named like packages of ours and of Python's.
HIDING = ("analysis/relaxation.py", "learn/__init__.py", "simulate.py", "numpy.py")


@pytest.fixture
def from_path(tmp_path):
    """Call the repository's Snakefile from an empty folder."""
    return functools.partial(snakemake, "--snakefile", str(ROOT / "Snakefile"), cwd=tmp_path)


def test_from_another_folder(from_path, tmp_path):
    for name in HIDING:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise SystemExit('not this one')\n")
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


def test_a_checkout_of_any_name_gives_its_jobs_what_they_need(tmp_path):
    """Whatever its folder is called and holds, whatever a notebook or a module system has set; on a GPU."""
    place = copies.copy(tmp_path / "it's a (1) &b; $c")
    for name in ("random.py", "numpy.py", "simulate.py"):
        (place / name).write_text("raise SystemExit('not this one')\n")
    call, variables = copies.command("--resources=gpu=1 -- results/T1.200/samples/s0000/sample.h5")
    variables |= {"MPLBACKEND": "module://nowhere", "PYTHONPATH": "/nowhere", "LC_ALL": "C", "TMPDIR": str(tmp_path)}
    done = subprocess.run(call, cwd=place, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / f"supercooled-{os.getuid()}/device-0.lock").exists()


DEPLOYED = """
configfile: "config/config.yaml"

module supercooled:
    snakefile: {snakefile!r}
    config: config

use rule * from supercooled
"""


def test_as_snakedeploy_lays_it_out(tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / "workflow").mkdir()
    (tmp_path / "workflow/Snakefile").write_text(DEPLOYED.format(snakefile=str(ROOT / "workflow/Snakefile")))
    planned = snakemake("--dry-run", cwd=tmp_path).planned()
    assert planned["equilibrate"] == 2 * 16
    assert planned["report"] == 1
    wanted = "results/T1.500/samples/s0000/sample.h5"
    (tmp_path / "random.py").write_text("raise SystemExit('not this one')\n")
    outcome = snakemake(wanted, "--show-failed-logs", "--config", *SMALL, cwd=tmp_path)
    assert outcome.status == 0, outcome.output


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
