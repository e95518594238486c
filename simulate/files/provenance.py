"""What makes a result: command, inputs, seed, versions, commit, platform. Every file that a stage writes carries it."""

import hashlib
import os
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path

_started = {"at": time.monotonic()}
_read: dict[Path, None] = {}
_platform: dict[str, str] = {}


def note_input(path: str | Path) -> None:
    """Remember that this process has read a file: whatever it writes from now on was made from it."""
    _read[Path(path).absolute()] = None


def note_platform(label: str) -> None:
    """Remember where this process computes: whatever it writes from now on was made there."""
    _platform["label"] = label


def of(output: str | Path, *, seed: int | None = None, platform: str | None = None) -> dict:
    """Return what makes the file `output`: the seconds are those that the process took so far.

    `inputs` are the files that the process has read, named from the folder of `output`, with their SHA-256: results may
    move as a whole, and whether an input is still what it was can be told. So are absolute paths in the command: where
    results lay on one machine means nothing to whoever gets them.
    """
    folder = Path(output).absolute().parent
    inputs = {os.path.relpath(path, folder): digest(path) for path in _read if path != Path(output).absolute()}
    return {
        "seed": seed,
        "platform": platform or _platform.get("label"),
        "inputs": inputs,
        "versions": versions(),
        "commit": commit(),
        "command": [os.path.relpath(word, folder) if os.path.isabs(word) else word for word in command()],
        "seconds": round(elapsed(), 1),
    }


def elapsed() -> float:
    """Return the seconds that this process has worked, and those before it that it goes on from."""
    return time.monotonic() - _started["at"]


def carry_on(seconds: float) -> None:
    """Count the seconds of an earlier process, which this one goes on from."""
    _started["at"] -= seconds


def command() -> list[str]:
    """Return the words of this process's command, `python -m` left out."""
    module = getattr(sys.modules["__main__"], "__spec__", None)
    return [module.name if module else Path(sys.argv[0]).name, *sys.argv[1:]]


def digest(path: Path) -> str | None:
    """Return the SHA-256 of a file, None where it is no more."""
    try:
        state = path.stat()
    except OSError:
        return None
    return _digest(path, state.st_mtime_ns, state.st_size)


@cache
def _digest(path: Path, changed: int, size: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on, where installed."""
    found = {"python": sys.version.split()[0]}
    for name in ("numpy", "scipy", "h5py", "openmm", "mdtraj", "torch", "torch-scatter"):
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


@cache
def commit() -> str:
    """Return the git commit of the code, with '+' where the tree differs from it, or 'unknown'."""
    root = Path(__file__).parents[2]
    words = ["git", "-C", str(root), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"]
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
