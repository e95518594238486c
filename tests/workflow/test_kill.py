"""The whole DAG, killed at random moments, ends as if nothing had happened (docs/reliability.md holds the record)."""

import collections
import itertools
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from tests.workflow import copies

SEED = int(os.environ.get("KILL_SEED", "1"))
KILLS = 30


def parents() -> dict[int, int]:
    """Return the parent of every process."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            found[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    return found


def family(pid: int) -> list[int]:
    """Stop a process and all its descendants, so that none can multiply; return their ids."""
    members = [pid]
    os.kill(pid, signal.SIGSTOP)
    while True:
        known = set(members)
        new = [child for child, parent in parents().items() if parent in known and child not in known]
        if not new:
            return members
        for child in new:
            try:
                os.kill(child, signal.SIGSTOP)
            except ProcessLookupError:
                continue
        members += new


def stage(pid: int) -> str | None:
    """Return the module that a process runs as a job of the workflow."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return None
    named = [word for flag, word in itertools.pairwise(words) if flag == "-m"]
    return named[0] if named and words[0].rpartition("/")[2].startswith("python") and named[0] != "snakemake" else None


def kill(process: subprocess.Popen) -> list[str]:
    """SIGKILL snakemake and all its children, by process id; return the jobs that were running."""
    members = family(process.pid)
    jobs = [name for name in map(stage, members) if name]
    for pid in members:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()
    return jobs


def start(folder: Path, log: Path) -> subprocess.Popen:
    call, environment = copies.command()
    with open(log, "a") as output:
        return subprocess.Popen(call, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)


def uninterrupted(folder: Path) -> float:
    """Run the DAG to its end; return the seconds it took."""
    began = time.monotonic()
    process = start(copies.copy(folder), folder / "snakemake.log")
    assert process.wait() == 0, (folder / "snakemake.log").read_text()
    return time.monotonic() - began


@pytest.mark.slow
def test_another_folder_gives_the_same_numbers(tmp_path):
    """Same configuration, seeds and versions on the CPU platform: the same bits, from positions to metrics.csv."""
    for name in ("one", "the other folder"):
        uninterrupted(tmp_path / name)
    assert copies.differences(tmp_path / "one/results", tmp_path / "the other folder/results") == []


@pytest.mark.slow
@pytest.mark.kill
def test_thirty_kills_change_nothing(tmp_path, capsys):
    random = np.random.default_rng(SEED)
    whole, killed = tmp_path / "whole", copies.copy(tmp_path / "killed")
    seconds = uninterrupted(whole)
    log = killed / "snakemake.log"
    hits, kills, rounds = collections.Counter(), 0, 0
    while kills < KILLS:
        process = start(killed, log)
        try:
            # Kills come on average twelve to a whole run, so that all of its parts are hit; never before anything is.
            assert process.wait(timeout=3 + random.exponential(seconds / 12)) == 0, log.read_text()
        except subprocess.TimeoutExpired:
            kills += 1
            hits.update(kill(process) or ["between jobs"])
            continue
        rounds += 1
        assert copies.differences(whole / "results", killed / "results") == []
        (killed / "results").rename(killed / f"results-{rounds}")
    with capsys.disabled():
        where = ", ".join(f"{name} {count}" for name, count in hits.most_common())
        print(f"\nseed {SEED}: {kills} kills in {rounds + 1} runs of the DAG ({seconds:.0f} s uninterrupted); {where}")
    assert start(killed, log).wait() == 0, log.read_text()
    assert copies.differences(whole / "results", killed / "results") == []
