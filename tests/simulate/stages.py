"""Runs stages as people do: `python -m simulate.STAGE`, in a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def command(stage: str, *arguments) -> list[str]:
    return [sys.executable, "-m", f"simulate.{stage}", *(str(argument) for argument in arguments)]


def run(stage: str, *arguments, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(stage, *arguments), cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, **options
    )


def call(monkeypatch, main, *arguments) -> None:
    """Run a stage's main in this process; its errors come out as they are raised."""
    monkeypatch.setattr(sys, "argv", ["stage", *(str(argument) for argument in arguments)])
    main()


def start(stage: str, *arguments) -> subprocess.Popen:
    # Whoever runs the tests in the background may have interrupts ignored.
    return subprocess.Popen(
        command(stage, *arguments),
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def error_of(done: subprocess.CompletedProcess) -> str:
    """Return the one error line of a stage that failed as it should."""
    lines = [line for line in done.stderr.replace("\r", "\n").splitlines() if line.startswith("error:")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]
