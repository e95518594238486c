"""Locks of a dead run are removed, those of a living one never."""

import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.conftest import ROOT

# As a file of rules it comes along where the workflow is called by address; it is plain Python.
RULES = ROOT / "workflow/rules/locks.smk"
LOADED = {"workflow": SimpleNamespace(is_main_process=False)}
exec(compile(RULES.read_text(), RULES, "exec"), LOADED)
remove_stale = LOADED["remove_stale"]


@pytest.fixture
def folder(tmp_path):
    """A .snakemake in which a run of this computer has been, and has left its locks."""
    remove_stale(tmp_path / ".snakemake").close()
    (tmp_path / ".snakemake/locks").mkdir()
    (tmp_path / ".snakemake/locks/0.output.lock").write_text("results/report.html\n")
    return tmp_path / ".snakemake"


def locks(folder):
    return list(folder.glob("locks/*"))


def test_locks_of_a_dead_run_go(folder, capsys):
    remove_stale(folder).close()
    assert not locks(folder)
    assert "did not end by itself" in capsys.readouterr().err


def test_locks_stay_while_another_process_lives_and_go_once_it_is_killed(folder):
    code = "from pathlib import Path; from tests.workflow.test_locks import remove_stale; import sys\n"
    code += "held = remove_stale(Path(sys.argv[1])); print('held', held.name, flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    # The other one takes away what was stale; then it has a lock of its own.
    other = subprocess.Popen([sys.executable, "-c", code, str(folder)], cwd=ROOT, **pipes)
    assert other.stdout.readline().startswith("held")
    assert not locks(folder)
    (folder / "locks/0.output.lock").write_text("results/report.html\n")
    with remove_stale(folder):
        assert locks(folder)
    other.kill()
    other.communicate()
    with remove_stale(folder):
        assert not locks(folder)


def test_locks_of_another_computer_stay(folder):
    assert (folder / "alive").read_text() == socket.gethostname()
    (folder / "alive").write_text("login2")
    with remove_stale(folder), remove_stale(folder):
        assert locks(folder)


def test_locks_of_nobody_known_stay(folder):
    (folder / "alive").unlink()
    remove_stale(folder).close()
    remove_stale(folder).close()
    assert locks(folder)
