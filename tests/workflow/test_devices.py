"""Several GPUs of a workstation: each has one job at a time, and a job that dies gives its GPU back."""

import os
import re
import runpy
import signal
import subprocess
import sys
import time

import pytest
import yaml

from analysis.accounts import costs
from tests.conftest import ROOT
from tests.workflow.conftest import snakemake
from tests.workflow.test_environments import rules

# Stands for a stage: writes its device into a file, waits for a word on its standard input.
JOB = """
import os, sys
print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a job under the name of a stage, with locks of its own; all end with the test."""
    started = []

    def start(stage: str = "simulate.equilibrate", devices: str = "0,1") -> subprocess.Popen:
        command = [sys.executable, str(ROOT / "workflow/on_a_device.py"), devices, sys.executable, "-c", JOB, stage]
        variables = os.environ | {"TMPDIR": str(tmp_path), "CUDA_VISIBLE_DEVICES": "all"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        started.append(subprocess.Popen(command, env=variables, text=True, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def device(process) -> str:
    """Return the device that a job has got; waits for it."""
    return process.stdout.readline().strip()


def test_jobs_get_devices_of_their_own(start):
    assert {device(start()) for _ in range(2)} == {"0", "1"}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_job_that_dies_gives_its_device_to_the_one_that_waits(start, how):
    first, second = start(), start()
    taken = device(first)
    device(second)
    third = start()
    time.sleep(0.5)
    assert third.poll() is None
    first.send_signal(how)
    assert device(third) == taken


def test_a_job_that_ends_gives_its_device_back(start):
    first = start(devices="5")
    assert device(first) == "5"
    first.communicate("done\n")
    assert device(start(devices="5")) == "5"


def test_other_stages_wait_for_no_device(start):
    assert device(start(devices="0")) == "0"
    assert device(start("learn.evaluate", devices="0")) == "all"


def profile(name):
    return yaml.safe_load((ROOT / "workflow/profiles" / name / "config.yaml").read_text())


@pytest.mark.parametrize("name", ["slurm", "gpu", "gpus"])
def test_profiles_give_gpus_to_the_stages_that_compute_on_them(name):
    wanted = {rule for rule, resources in profile(name)["set-resources"].items() if "gpu" in resources}
    assert wanted == set(costs.ON_DEVICE)
    modules = {module for rule, (_, modules) in rules().items() for module in modules if rule in wanted}
    assert modules == runpy.run_path(ROOT / "workflow/on_a_device.py")["STAGES"]


def test_all_figures_are_one_job_of_the_queue():
    groups = dict(entry.split("=") for entry in profile("slurm")["groups"])
    assert {groups.get(name) for name in ("figure", "metrics", "report")} == {"report"}


def resources(output: str, rule: str) -> dict[str, str]:
    """Return the resources that a dry run prints for the first job of a rule."""
    (line,) = re.search(rf"^ *rule {rule}:.*?^ *resources: (.*?)$", output, re.DOTALL | re.MULTILINE).groups()
    return dict(item.split("=", 1) for item in line.split(", "))


def test_every_rule_asks_the_queue_for_time_and_memory_that_follow_from_the_configuration():
    common = ("--dry-run", "--workflow-profile", "workflow/profiles/slurm", "--configfile", "tests/config.yaml")
    small = snakemake(*common).output
    large = snakemake(*common, "--config", "liquid={particles: 4096}", "runs=400", "times=[0.15, 90 tau_alpha]").output
    assert "Job stats" in small
    assert "Job stats" in large
    for block in re.findall(r"^ *(?:local)?rule \w+:.*?^ *resources: .*?$", small, re.DOTALL | re.MULTILINE):
        assert re.search(r"runtime=\d+", block), block
        assert re.search(r"mem_mb=\d+", block), block
    for rule in ("equilibrate", "isoconfigurational", "train", "shell_response"):
        before, after = resources(small, rule), resources(large, rule)
        assert int(after["mem_mb"]) > int(before["mem_mb"]), rule
        assert int(after["runtime"]) >= int(before["runtime"]), rule
    runtime = int(resources(large, "isoconfigurational")["runtime"])
    assert runtime > 10 * int(resources(small, "isoconfigurational")["runtime"])
    assert resources(small, "equilibrate")["gpu"] == "1"
    assert resources(small, "equilibrate")["slurm_partition"] == "gpu"
    assert "signal=URG" in resources(small, "train")["slurm_extra"]


@pytest.mark.parametrize("stage", costs.STAGES)
def test_a_retry_has_more_time_and_memory(stage):
    for seconds in (1.0, 100.0, 1e5):
        assert costs.minutes(stage, seconds, 1) * 60 > 1.4 * seconds
        assert costs.minutes(stage, seconds, 2) >= 2 * costs.minutes(stage, seconds, 1) - 1
    assert costs.megabytes(1000.0, 2) == 2 * costs.megabytes(1000.0, 1) > 2000
