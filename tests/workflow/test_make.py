"""What `make` does around Snakemake: the environment, whole and of the right Python; locks of a dead run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

UNLOCK = f"source '{ROOT}/workflow/unlock.sh'"


@pytest.fixture
def folder(tmp_path):
    """A checkout, as far as the environment goes, in a folder of an ordinary name."""
    place = tmp_path / "it's a (1) &b; $c"
    shutil.copytree(ROOT / "envs", place / "envs")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, place / name)
    return place


def make(folder: Path, target: str, **variables: str) -> subprocess.CompletedProcess:
    command = ["make", target, f"PYTHON={sys.executable}"]
    return subprocess.run(command, cwd=folder, env=os.environ | variables, capture_output=True, text=True)


@pytest.mark.parametrize("half", ["no pip", "no python"])
def test_half_an_environment_is_made_again(half, folder):
    pip = [folder / ".venv/bin/python", "-m", "pip", "--version"]
    if half == "no pip":
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    else:
        (folder / ".venv/bin").mkdir(parents=True)
        (folder / ".venv/bin/python").symlink_to("/nowhere/python3")
    done = make(folder, "venv", PYTHONPATH="/nowhere", PIP_USER="1", PIP_TARGET="/nowhere")
    assert done.returncode == 0, done.stderr
    assert str(folder / ".venv") in subprocess.run(pip, check=True, capture_output=True, text=True).stdout
    before = (folder / ".venv/pyvenv.cfg").stat().st_mtime_ns
    assert make(folder, "venv").returncode == 0
    assert (folder / ".venv/pyvenv.cfg").stat().st_mtime_ns == before


def test_another_python_is_refused_before_anything_is_made(folder):
    text = (folder / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(text.replace(">=3.11,<3.13", ">=3.8,<3.10"))
    done = make(folder, "setup")
    assert done.returncode != 0
    assert done.stderr.startswith(f"error: Python 3.{sys.version_info.minor}, expected 3.8 to 3.9: ")
    assert not (folder / ".venv").exists()


@pytest.fixture
def locked(tmp_path):
    """A folder in which a run has left its lock."""
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.output.lock").touch()
    return tmp_path


def locks(folder: Path) -> list[Path]:
    subprocess.run(["bash", "-c", UNLOCK], cwd=folder, check=True)
    return list((folder / ".snakemake/locks").iterdir())


def test_locks_stay_while_a_snakemake_works_here_and_go_once_it_is_dead(locked, tmp_path_factory):
    # What stands for one: its command line is all that tells.
    words = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", "snakemake"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (
        subprocess.Popen(words, cwd=locked, **pipes) as here,
        subprocess.Popen(words, cwd=tmp_path_factory.mktemp("elsewhere"), **pipes) as elsewhere,
    ):
        here.stdout.readline()
        elsewhere.stdout.readline()
        assert locks(locked)
        here.kill()
        here.wait()
        assert not locks(locked)
        elsewhere.kill()
