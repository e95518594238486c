"""What lies on disk: HDF5 files that say what made them.

Every file carries `kind`, `schema`, `units` = "LJ" and, as JSON, `settings` (all settings of its rule) and
`provenance` (seed, package versions, git commit, platform, device, command). Writes are atomic: a temporary
name beside the target, fsync, rename; a killed or failed write leaves the old file, or none.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from simulate.command import InputError

SCHEMA = 1
UNITS = "LJ"
_started = {"at": time.monotonic()}


@dataclass
class Contents:
    """The arrays of a file by name, and what made it."""

    arrays: dict[str, np.ndarray]
    settings: dict
    provenance: dict

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    def __contains__(self, name: str) -> bool:
        return name in self.arrays


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that replaces it once the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    try:
        yield Path(name)
        with open(name, "rb") as file:
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def create(
    path: str | Path, kind: str, settings: Mapping, *, seed: int | None = None, platform: str | None = None
) -> Iterator[h5py.File]:
    """Yield an open HDF5 file to fill; it appears under its name when the block ends well."""
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        _describe(file, kind, settings, seed, platform)
        yield file


def write(
    path: str | Path,
    kind: str,
    arrays: Mapping[str, np.ndarray],
    settings: Mapping,
    *,
    seed: int | None = None,
    platform: str | None = None,
) -> None:
    """Write named arrays as one file.

    The file is made in memory first: HDF5 crashes the process where a disk runs full under it. Raises OSError.
    """
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        _describe(file, kind, settings, seed, platform)
        for name, array in arrays.items():
            file[name] = array
    with replacing(path) as temporary:
        try:
            temporary.write_bytes(image.getbuffer())
        except OSError as error:
            raise OSError(f"{path}: not written: {error.strerror}") from None


def _describe(file: h5py.File, kind: str, settings: Mapping, seed: int | None, platform: str | None) -> None:
    file.attrs["kind"] = kind
    file.attrs["schema"] = SCHEMA
    file.attrs["units"] = UNITS
    file.attrs["settings"] = json.dumps(dict(settings), default=_plain)
    file.attrs["provenance"] = json.dumps(provenance(seed=seed, platform=platform))


@contextlib.contextmanager
def opened(path: str | Path, kind: str | None = None) -> Iterator[h5py.File]:
    """Yield a file opened for reading, after checking that it is whole, ours, and of the kind asked for.

    Raises InputError that names the file and what was expected.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path}: not a readable HDF5 file (truncated or of another format): {error}") from None
    with file:
        if "schema" not in file.attrs or "kind" not in file.attrs:
            raise InputError(f"{path}: not written by supercooled (attributes 'kind' and 'schema' are missing)")
        if file.attrs["schema"] != SCHEMA:
            raise InputError(f"{path}: schema version {file.attrs['schema']}, expected {SCHEMA}")
        if file.attrs.get("units") != UNITS:
            raise InputError(f"{path}: units {file.attrs.get('units')!r}, expected {UNITS!r}")
        if kind is not None and file.attrs["kind"] != kind:
            raise InputError(f"{path}: holds {file.attrs['kind']!r}, expected {kind!r}")
        yield file


def read(path: str | Path, kind: str | None = None, names: tuple[str, ...] = ()) -> Contents:
    """Read every top-level array of a file; `names` are those it must have.

    Raises InputError as `opened` does, and where a named array is missing.
    """
    with opened(path, kind) as file:
        missing = [name for name in names if name not in file]
        if missing:
            raise InputError(f"{path}: no array {missing[0]!r}; it holds {', '.join(file)}")
        try:
            arrays = {name: item[()] for name, item in file.items() if isinstance(item, h5py.Dataset)}
        except OSError as error:
            raise InputError(f"{path}: damaged: {error}") from None
        return Contents(arrays, *described(file))


def described(file: h5py.File) -> tuple[dict, dict]:
    """Return the settings and the provenance that an open file carries."""
    return json.loads(file.attrs["settings"]), json.loads(file.attrs["provenance"])


def provenance(*, seed: int | None = None, platform: str | None = None) -> dict:
    """Return what makes a result: seed, versions, commit, platform, command, and the seconds it took so far."""
    return {
        "seed": seed,
        "platform": platform,
        "versions": versions(),
        "commit": commit(),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "seconds": round(elapsed(), 1),
    }


def elapsed() -> float:
    """Return the seconds that this process has worked, and those before it that it goes on from."""
    return time.monotonic() - _started["at"]


def carry_on(seconds: float) -> None:
    """Count the seconds of an earlier process, which this one goes on from."""
    _started["at"] -= seconds


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on, where installed."""
    found = {"python": sys.version.split()[0]}
    for name in ("numpy", "scipy", "h5py", "openmm", "mdtraj", "torch", "torch-scatter"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


@cache
def commit() -> str:
    """Return the git commit of the code, with '+' where the tree differs from it, or 'unknown'."""
    root = Path(__file__).parent.parent
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return str(value)
