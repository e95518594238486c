"""What a queue costs: trivial jobs through SLURM one by one, as an array and in groups, beside plain snakemake.

    python -m benchmarks.speed.cluster --jobs 2000 --single 20

starts the test cluster of tests/cluster, runs `--jobs` jobs that only touch a file in groups of `--group`, and
`--single` of them one by one and as one array (plainly five times as many); prints wall seconds, seconds per job, the
processor time of the scheduler's daemon, and its mean cycle. The wall time holds the waiting for looks at the queue.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.cluster import slurm

SNAKEFILE = """
rule all:
    input: [f"out/{number}" for number in range(int(config["jobs"]))]

rule step:
    output: "out/{number}"
    shell: "touch {output}"

localrules: all
"""
SLURM = (
    *("--executor", "slurm", "--jobs", "200", "--slurm-status-command", "squeue", "--latency-wait", "30"),
    *("--slurm-init-seconds-before-status-checks", "1"),
    *("--default-resources", "slurm_partition=cpu", "runtime=60", "mem_mb=500", "turn=1"),
)


def run(environment: dict, jobs: int, *arguments: str) -> float:
    """Return the wall seconds of one run in a folder of its own. Raises CalledProcessError where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "Snakefile").write_text(SNAKEFILE)
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--quiet",
            "all",
            "--scheduler",
            "greedy",
            *arguments,
            "--config",
            f"jobs={jobs}",
        ]
        began = time.perf_counter()
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
        return time.perf_counter() - began


def scheduler_seconds(folder: Path) -> float:
    """Return the processor time that the scheduler's daemon has taken."""
    fields = (
        Path(f"/proc/{slurm.alive(folder, 'slurmctld')}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    )
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run all ways, one after another, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.cluster", description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--single", type=int, default=20)
    parser.add_argument("--group", type=int, default=50)
    arguments = parser.parse_args()
    groups = ("--groups", "step=step", "--group-components", f"step={arguments.group}")
    ways = {
        f"groups of {arguments.group}": (
            arguments.jobs,
            -(-arguments.jobs // arguments.group),
            (*SLURM, *groups, "--resources", "turn=1", "--set-resource-scopes", "turn=local"),
        ),
        "plain snakemake, one core": (arguments.single * 5, 0, ("--cores", "1")),
        "one by one": (arguments.single, arguments.single, SLURM),
        "one array": (arguments.single, 1, (*SLURM, "--slurm-array-jobs", "step")),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slurm.start(folder)
        environment = os.environ | slurm.environment(folder)
        try:
            print("| way | jobs | submissions | wall, s | s per job | scheduler CPU, s | mean cycle, us |")
            print("|---|---|---|---|---|---|---|")
            for way, (jobs, submissions, options) in ways.items():
                before = scheduler_seconds(folder)
                wall = run(environment, jobs, *options)
                cpu = scheduler_seconds(folder) - before
                sdiag = subprocess.run(["sdiag"], env=environment, capture_output=True, text=True).stdout
                cycle = re.search(r"Mean cycle:\s+(\d+)", sdiag)
                words = (way, jobs, submissions, f"{wall:.0f}", f"{wall / jobs:.2f}", f"{cpu:.2f}")
                print(f"| {' | '.join(map(str, words))} | {cycle.group(1) if cycle else '-'} |", flush=True)
        finally:
            slurm.stop(folder)


if __name__ == "__main__":
    main()
