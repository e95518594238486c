"""The repository's copy in a folder of its own, run by snakemake through the test cluster with the profile of users."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cluster import slurm
from tests.conftest import ROOT
from tests.workflow.conftest import Outcome, pipeline  # noqa: F401 - the plain run is a fixture here too

# Generous: machines that run tests are busy with other things. Nothing waits that long where all is well.
PATIENCE = 3600.0
PROFILE = ("--workflow-profile", "workflow/profiles/slurm")
# No accounts, a shared disk without delays, and one thread, which gives the same bits as a plain run.
HERE = (
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "30"),
    *("--set-threads", "train=1", "shell_response=1", "shell_gradient=1"),
)
CODE = ("Snakefile", "config.yaml", "config", "workflow", "simulate", "learn", "analysis", "envs")


@dataclass
class Cluster:
    """The test cluster, as a user sees it."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a shell on its login node, this interpreter's programs first."""
        variables = os.environ | slurm.environment(self.folder)
        return variables | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{variables['PATH']}"}

    def __call__(self, *command: str) -> str:
        """Return what one of SLURM's commands prints."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def jobs(self, *states: str) -> dict[str, str]:
        """Return job numbers, of the given states, with what the jobs are about (rule_NAME_wildcards_A_B)."""
        lines = self("squeue", "--noheader", f"--states={','.join(states)}", "--format=%i|%k").splitlines()
        return dict(line.split("|", 1) for line in lines)

    def waiting_or_running(self) -> dict[str, str]:
        """Return the jobs that have not ended."""
        return self.jobs("PENDING", "RUNNING", "COMPLETING", "SUSPENDED")


@dataclass
class Clone:
    """A copy of the code with results of its own."""

    folder: Path
    cluster: Cluster
    started: list[subprocess.Popen] = field(default_factory=list)

    def start(
        self, *arguments: str, where: tuple[str, ...] = (*PROFILE, *HERE), output: str = "output"
    ) -> subprocess.Popen:
        """Start snakemake on tests/config.yaml; what it prints goes to a file."""
        command = [sys.executable, "-m", "snakemake", *arguments, *where]
        command += ["--configfile", "tests/config.yaml"]
        with open(self.folder / output, "w") as file:
            self.started.append(
                subprocess.Popen(
                    command,
                    cwd=self.folder,
                    env=self.cluster.environment,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    preexec_fn=heed_interrupts,
                )
            )
        return self.started[-1]

    def finish(self, process: subprocess.Popen, output: str = "output") -> Outcome:
        """Wait for snakemake's end and return how it ended."""
        status = process.wait(timeout=PATIENCE)
        return Outcome(status, (self.folder / output).read_text())

    def run(self, *arguments: str, where: tuple[str, ...] = (*PROFILE, *HERE), output: str = "output") -> Outcome:
        """Run snakemake to its end."""
        return self.finish(self.start(*arguments, where=where, output=output), output)

    def sample(self, number: int, temperature: str = "T1.000") -> Path:
        """Return the path of a sample, relative to the folder: a target."""
        return Path(f"results-test/{temperature}/samples/s{number:04d}/sample.h5")

    def restart_file(self, number: int) -> Path:
        """Return the restart file of a sample."""
        return self.folder / f"{self.sample(number)}.restart"

    def log(self, number: int) -> str:
        """Return the log of a sample's equilibration."""
        return (self.folder / f"results-test/logs/T1.000/s{number:04d}/equilibrate.log").read_text()

    def stage(self, number: int) -> int | None:
        """Return the process id of the equilibration of a sample in this folder, where it runs."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
                here = (entry / "cwd").resolve() == self.folder.resolve()
            except OSError:
                continue
            wanted = [b"-P", b"-m", b"simulate.equilibrate"]
            if here and arguments[1:4] == wanted and arguments[arguments.index(b"--sample") + 1] == b"%d" % number:
                return int(entry.name)
        return None

    def wait_for(self, condition: Callable[[], object], process: subprocess.Popen) -> None:
        """Wait until something has happened, while snakemake runs."""

        def happened() -> object:
            assert process.poll() is None, (self.folder / "output").read_text()
            return condition()

        self.wait_until(happened)

    def wait_until(self, condition: Callable[[], object]) -> None:
        """Wait until something has happened."""
        until = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < until, (self.folder / "output").read_text()
            time.sleep(0.1)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A SLURM of this test session."""
    if slurm.missing():
        pytest.skip(f"no SLURM: {', '.join(slurm.missing())} not installed (slurmctld slurmd slurm-client munge)")
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("snakemake-executor-plugin-slurm is not installed: pip install -e '.[slurm]'")
    # Sockets have short names.
    folder = tmp_path_factory.mktemp("slurm", numbered=True)
    try:
        slurm.start(folder)
        yield Cluster(folder)
    finally:
        slurm.stop(folder)


@pytest.fixture
def clone(cluster, tmp_path):
    """A fresh clone; what it still has in the queue at the end is cancelled."""
    copy_code(tmp_path / "clone")
    clone = Clone(tmp_path / "clone", cluster)
    yield clone
    for process in clone.started:
        process.kill()
        process.wait()
    for job in cluster.waiting_or_running():
        cluster("scancel", job)


def copy_code(folder: Path) -> None:
    """Copy the code, without results, to a folder."""
    for name in CODE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / "tests").mkdir()
    shutil.copy2(ROOT / "tests/config.yaml", folder / "tests/config.yaml")


def heed_interrupts() -> None:
    """Let Ctrl-C end what is started: a shell's background jobs ignore it, and so would all that they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupt(process: subprocess.Popen) -> None:
    """Press Ctrl-C."""
    process.send_signal(signal.SIGINT)
