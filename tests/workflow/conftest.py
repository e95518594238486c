"""The real Snakefile, called as a user calls it."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.conftest import ROOT


@dataclass
class Outcome:
    """How a call of snakemake ended."""

    status: int
    output: str

    def planned(self) -> dict[str, int]:
        """Return the number of jobs by rule that a dry run plans; empty where there is nothing to do."""
        jobs = {}
        table = self.output.split("Job stats:")[-1] if "Job stats:" in self.output else ""
        for line in table.splitlines()[3:]:
            fields = line.split()
            if len(fields) != 2 or not fields[1].isdigit():
                break
            jobs[fields[0]] = int(fields[1])
        jobs.pop("total", None)
        return jobs


def snakemake(*arguments: str, cwd: Path = ROOT, environment: Mapping[str, str] = MappingProxyType({})) -> Outcome:
    """Run snakemake with this interpreter's programs first in PATH; by default on the repository's Snakefile."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # Like the program, which does not look for modules in the working directory. Several tests may run at once in one.
    command = [sys.executable, "-P", "-m", "snakemake", "--nolock", "--cores", "2", *arguments]
    variables = os.environ | {"PATH": path} | environment
    done = subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True)
    return Outcome(done.returncode, done.stdout + done.stderr)


@dataclass
class Pipeline:
    """A finished run of tests/config.yaml."""

    results: Path

    def __call__(self, *arguments: str, settings: tuple[str, ...] = ()) -> Outcome:
        where = f"pathvars={{results: {json.dumps(str(self.results))}}}"
        words = (*arguments, "--configfile", "tests/config.yaml", "--config", where, *settings)
        # What a notebook and a person's own look of figures leave in the environment.
        look = self.results.with_name("matplotlibrc")
        return snakemake(*words, environment={"MPLBACKEND": "module://nowhere", "MATPLOTLIBRC": str(look)})


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory) -> Pipeline:
    """The whole pipeline on the tiny configuration, run once: the workers of a parallel test run share it.

    Its folder is called as a person's may be: everything that a rule's command names is quoted.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    pipeline = Pipeline(shared / "it's a (1) &b; $c, é" / "results")
    with open(shared / "pipeline.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        pipeline.results.parent.mkdir(exist_ok=True)
        pipeline.results.with_name("matplotlibrc").write_text("text.usetex: True\n")
        outcome = pipeline("--show-failed-logs")
    assert outcome.status == 0, outcome.output
    return pipeline
