"""Queues, time limits and impatient people: nothing half-written, nothing whole is lost, work goes on where it was."""

import os
import signal

import pytest

from simulate.files import store
from tests.cluster import slurm
from tests.cluster.conftest import PROFILE, interrupt

pytestmark = pytest.mark.cluster

# Steps of 256 particles: longer than what happens to the jobs takes, on an idle machine.
LONG = ("--config", "temperatures=[1.0]", "equilibration={relaxation_times: 500}")
LONGER = ("--config", "temperatures=[1.0]", "equilibration={relaxation_times: 2500}")
LONGEST = ("--config", "temperatures=[1.0]", "equilibration={relaxation_times: 20000}")
# Where no time limit is wanted, however slow the machine is.
ROOMY = ("--set-resources", "equilibrate:runtime=600")


def assert_whole(clone, *numbers):
    for number in numbers:
        sample = store.read(clone.folder / clone.sample(number), "sample", ("positions", "types", "box"))
        assert sample["positions"].shape == (256, 3)
        assert not clone.restart_file(number).exists()


def targets(clone, count):
    return [str(clone.sample(number)) for number in range(count)]


def ended(cluster, *states):
    """What the jobs that ended so were about, in one text."""
    return " ".join(cluster.jobs(*states).values())


def test_scancel_sigkill_and_memory_limit_are_retried_and_go_on(clone, cluster):
    before = set(cluster.jobs("all"))
    limits = "equilibrate:mem_mb=100 if attempt == 1 and wildcards.sample == 's0002' else 2000"
    process = clone.start(*targets(clone, 3), *LONG, *ROOMY, limits)
    clone.wait_for(clone.restart_file(0).exists, process)
    cluster("scancel", next(job for job, about in cluster.jobs("RUNNING").items() if "s0000" in about))
    clone.wait_for(clone.restart_file(1).exists, process)
    os.kill(clone.stage(1), signal.SIGKILL)
    outcome = clone.finish(process)
    assert outcome.status == 0, outcome.output
    assert_whole(clone, 0, 1, 2)
    assert "going on from" in clone.log(0)
    assert "going on from" in clone.log(1)
    assert len(set(cluster.jobs("all")) - before) == 6
    assert "s0000" in ended(cluster, "CANCELLED", "FAILED")
    assert "s0001" in ended(cluster, "FAILED")
    assert "s0002" in ended(cluster, "FAILED", "OUT_OF_MEMORY", "CANCELLED")


@pytest.mark.slow
def test_time_limit_warns_and_the_retry_has_more_time_and_goes_on(clone, cluster):
    """Limits are whole minutes, and the warning may come a minute early, here 30 to 90 s from the start."""
    process = clone.start(
        *targets(clone, 1),
        *LONGEST,
        *("--set-resources", "equilibrate:runtime=2 if attempt == 1 else 60"),
        "equilibrate:slurm_extra='--signal=URG@30'",
    )
    outcome = clone.finish(process)
    assert outcome.status == 0, outcome.output
    assert_whole(clone, 0)
    assert "going on from" in clone.log(0)
    assert "the same command goes on from there" in outcome.output


@pytest.mark.slow
def test_second_snakemake_is_refused_and_an_interrupted_one_cancels_its_jobs_and_goes_on(clone, cluster):
    process = clone.start(*targets(clone, 1), *LONGER, *ROOMY)
    clone.wait_for(clone.restart_file(0).exists, process)
    second = clone.run(*targets(clone, 1), *LONGER, where=(*PROFILE,), output="second")
    assert second.status != 0
    assert "lock" in second.output.lower()
    assert process.poll() is None
    interrupt(process)
    assert clone.finish(process).status != 0
    # A job that has been cancelled is listed until its processes are gone; one that was not would leave its sample.
    clone.wait_until(lambda: not cluster.waiting_or_running())
    assert not (clone.folder / clone.sample(0)).exists()
    outcome = clone.run(*targets(clone, 1), *LONGER, *ROOMY)
    assert outcome.status == 0, outcome.output
    assert_whole(clone, 0)
    assert "going on from" in clone.log(0)


def test_what_jobs_finish_after_snakemake_was_killed_is_taken_up(clone, cluster):
    process = clone.start(*targets(clone, 2), *LONG, *ROOMY)
    for number in range(2):
        clone.wait_for(clone.restart_file(number).exists, process)
    process.kill()
    process.wait()
    clone.wait_until(lambda: not cluster.waiting_or_running())
    assert_whole(clone, 0, 1)
    assert clone.run("--unlock", *LONG).status == 0
    outcome = clone.run("--dry-run", *targets(clone, 2), *LONG)
    assert outcome.status == 0, outcome.output
    assert outcome.planned() == {}


@pytest.mark.slow
def test_jobs_of_a_dead_node_are_retried_elsewhere_and_go_on(clone, cluster):
    process = clone.start(*targets(clone, 1), *LONGER, *ROOMY)
    clone.wait_for(clone.restart_file(0).exists, process)
    (node,) = set(cluster("squeue", "--noheader", "--states=RUNNING", "--format=%N").split())
    slurm.kill_node(cluster.folder, node)
    try:
        outcome = clone.finish(process)
    finally:
        slurm.start_node(cluster.folder, node)
    assert outcome.status == 0, outcome.output
    assert_whole(clone, 0)
    assert "going on from" in clone.log(0)
