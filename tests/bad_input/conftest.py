"""Runs commands on spoilt copies of good files, and sees to it that a refusal is one line and leaves nothing behind."""

import importlib
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from simulate.stage import command
from tests.bad_input import good


@pytest.fixture(scope="session")
def good_files(tmp_path_factory) -> Path:
    """The folder of good files; it stays as it is."""
    folder = tmp_path_factory.mktemp("good")
    good.write(folder)
    return folder


@pytest.fixture
def files(good_files, tmp_path, monkeypatch) -> Path:
    """A copy of the good files that a test may spoil, as the working directory."""
    folder = tmp_path / "files"
    shutil.copytree(good_files, folder)
    monkeypatch.chdir(folder)
    return folder


@dataclass
class Refusal:
    """How a command ended that was refused: its status, its error line, all that it said."""

    status: int
    line: str
    output: str


def contents(folder: Path) -> dict[str, bytes]:
    """Return what lies in a folder and below."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def judged(status: int, output: str) -> Refusal:
    """Return a refusal after checking that it is one: a status, one line, no traceback."""
    lines = [line for line in output.replace("\r", "\n").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error: ")]
    assert status in (1, 2), output
    assert len(errors) == 1, output
    assert lines[-1] == errors[0], output
    assert "Traceback" not in output
    assert "usage:" not in output
    return Refusal(status, errors[0], output)


@pytest.fixture
def refused(monkeypatch, capfd):
    """The function (words of a command line) -> Refusal: `python -m WORDS...`, in this process and working folder."""

    def run(*words) -> Refusal:
        module, *arguments = (str(word) for word in words)
        before = contents(Path.cwd())
        monkeypatch.setattr(sys, "argv", [module, *arguments])
        handler = signal.getsignal(signal.SIGTERM)
        capfd.readouterr()
        try:
            with pytest.raises(SystemExit) as ended:
                command.run(importlib.import_module(module).main)
        finally:
            signal.signal(signal.SIGTERM, handler)
        captured = capfd.readouterr()
        refusal = judged(ended.value.code, captured.out + captured.err)
        assert contents(Path.cwd()) == before
        return refusal

    return run
