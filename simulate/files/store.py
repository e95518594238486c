"""What lies on disk: HDF5 files that say what made them.

Every file carries `kind`, `schema`, `units` = "LJ" and, as JSON, `settings` (all settings of its rule) and
`provenance` (seed, package versions, git commit, platform, device, command). Writes are atomic: a temporary
name beside the target, fsync, rename; a killed or failed write leaves the old file, or none.
"""

import contextlib
import glob
import io
import json
import os
import socket
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import h5py
import numpy as np

from simulate.files import layout, provenance
from simulate.stage.command import InputError, Terminated, check_file

SCHEMA = 1
UNITS = "LJ"
# A run that goes on from its restart file is the run that it was.
UNRECORDED = {"restart"}
_DAMAGED = "not a readable HDF5 file (truncated, damaged or of another format)"


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
    """Yield a temporary path beside `path` that replaces it once the block ends without an error.

    What a killed process left of earlier tries is removed. Raises OSError that names `path` where the disk is full.
    """
    path = Path(path)
    name = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ours = f".{path.name}.{socket.gethostname()}-"
        _remove_abandoned(path.parent, ours)
        handle, name = tempfile.mkstemp(prefix=f"{ours}{os.getpid()}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        yield Path(name)
        with open(name, "rb") as file:
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException as error:
        if name is not None:
            Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and (name is None or error.filename in (None, name)):
            raise OSError(f"{path}: not written: {error.strerror}") from None
        raise


def _remove_abandoned(folder: Path, ours: str) -> None:
    """Remove temporary files of this computer's processes that are no more."""
    for file in folder.glob(f"{glob.escape(ours)}*"):
        process = file.name.removeprefix(ours).partition(".")[0]
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            file.unlink(missing_ok=True)
        except (ValueError, PermissionError):
            continue  # Not ours.


_KEPT = (OSError, Terminated, KeyboardInterrupt)


class _Patient(io.FileIO):
    """A file that keeps the first error to itself, or the order to end: HDF5 crashes where a write fails."""

    error: BaseException | None = None

    def write(self, content: Any) -> int:
        try:
            left = memoryview(content).cast("B")
            while len(left) and self.error is None:
                left = left[super().write(left) :]
        except _KEPT as error:
            self.error = error
        return memoryview(content).nbytes

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except _KEPT as error:
            self.error = self.error or error
            return size or 0

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        found = super().readinto(view) or 0
        view[found:] = bytes(len(view) - found)
        return len(view)


@contextlib.contextmanager
def create(
    path: str | Path, kind: str, settings: Mapping, *, seed: int | None = None, platform: str | None = None
) -> Iterator[h5py.File]:
    """Yield an open HDF5 file to fill; it appears under its name when the block ends well.

    Raises OSError where it cannot be written.
    """
    with replacing(path) as temporary:
        disk = _Patient(temporary, "w+")
        try:
            with disk, h5py.File(disk, "w") as file:
                yield file
                _describe(file, kind, settings, provenance.of(path, seed=seed, platform=platform))
        except Exception:
            if disk.error is None:
                raise
        if disk.error is not None and not isinstance(disk.error, OSError):
            raise disk.error
        if disk.error is not None:
            raise OSError(f"{path}: not written: {disk.error.strerror}") from None


def write(
    path: str | Path,
    kind: str,
    arrays: Mapping[str, np.ndarray],
    settings: Mapping,
    *,
    seed: int | None = None,
    platform: str | None = None,
) -> None:
    """Write named arrays as one file. Raises OSError where it cannot be written."""
    with create(path, kind, settings, seed=seed, platform=platform) as file:
        for name, array in arrays.items():
            file[name] = array


@contextlib.contextmanager
def text(path: str | Path) -> Iterator[TextIO]:
    """Yield an open text file to fill (a table, say); what made it stands beside it, in `sidecar(path)`."""
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        yield file
    with replacing(sidecar(path)) as temporary:
        temporary.write_text(json.dumps(provenance.of(path), indent=1) + "\n", encoding="utf-8")


def sidecar(path: str | Path) -> Path:
    """Return the file that says what made a text file."""
    return Path(path).with_name(f"{Path(path).name}.provenance.json")


def _describe(file: h5py.File, kind: str, settings: Mapping, provenance: Mapping) -> None:
    file.attrs["kind"] = kind
    file.attrs["schema"] = SCHEMA
    file.attrs["units"] = UNITS
    file.attrs["settings"] = json.dumps(dict(settings), default=_plain)
    file.attrs["provenance"] = json.dumps(provenance)


@contextlib.contextmanager
def opened(path: str | Path, kind: str | None = None) -> Iterator[h5py.File]:
    """Yield a file opened for reading, after checking that it is whole, ours, and of the kind asked for.

    Raises InputError that names the file and what was expected.
    """
    check_file(path)
    with reading(path):
        file = h5py.File(path, "r")
    with file:
        with reading(path):
            _check(file, path, kind)
        try:
            yield file
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            # What HDF5 says of damage that shows only where it is read.
            if getattr(error, "errno", None) is None and _raised_by_hdf5(error):
                raise InputError(f"{path}: {_DAMAGED}: {error}") from None
            raise


def _raised_by_hdf5(error: Exception) -> bool:
    return traceback.extract_tb(error.__traceback__)[-1].filename.startswith("h5py/")


def _check(file: h5py.File, path: str | Path, kind: str | None) -> None:
    # h5py gives names that are no UTF-8 as bytes.
    if not all(isinstance(name, str) for name in file):
        raise InputError(f"{path}: {_DAMAGED}: names that are no text")
    found = {name: attribute(file, name) for name in ("kind", "schema", "units")}
    if found["kind"] is None or found["schema"] is None:
        raise InputError(f"{path}: not written by supercooled (attributes 'kind' and 'schema' are missing)")
    for name, expected in (("schema", SCHEMA), ("units", UNITS)):
        if found[name] != expected:
            raise InputError(f"{path}: {name} {found[name]!r}, expected {expected!r}")
    if kind is not None and found["kind"] != kind:
        raise InputError(f"{path}: holds {found['kind']!r}, expected {kind!r}")
    layout.check(str(path), file, layout.LAYOUTS.get(str(found["kind"]), {}))
    if found["kind"] not in UNRECORDED:
        provenance.note_input(path)


@contextlib.contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Turn whatever the HDF5 library raises for a truncated, damaged or foreign file into InputError that names it."""
    check_file(path)
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # The system's fault, not the file's.
        raise InputError(f"{path}: {_DAMAGED}: {error}") from None


def kind_of(path: str | Path) -> str | None:
    """Return the kind of a file of ours, None for any other file. Raises InputError where an HDF5 file is damaged."""
    if not h5py.is_hdf5(path):
        return None
    with reading(path), h5py.File(path, "r") as file:
        return attribute(file, "kind")


def attribute(item: h5py.File | h5py.Group, name: str) -> Any:
    """Return an attribute as a plain Python value, None where it is missing."""
    value = item.attrs.get(name)
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def read(path: str | Path, kind: str | None = None, names: tuple[str, ...] = ()) -> Contents:
    """Read every top-level array of a file; `names` are those it must have.

    Raises InputError as `opened` does, and where a named array is missing.
    """
    with opened(path, kind) as file:
        return Contents(arrays(file, names), *described(file))


def arrays(group: h5py.Group, names: tuple[str, ...] = (), optional: tuple[str, ...] | None = None) -> dict:
    """Return arrays of an open file or group by name: `names`, and of the others the `optional` ones (None: all).

    Raises InputError where one of `names` is missing, or an array holds numbers that it never should.
    """
    path = group.file.filename
    where = path + ("" if group.name == "/" else f": sample {group.name[1:]!r}")
    with reading(path):
        missing = [name for name in names if name not in group]
        if missing:
            raise InputError(f"{where}: no array {missing[0]!r}; it holds {', '.join(map(str, group)) or 'none'}")
        chosen = [
            name
            for name, item in group.items()
            if isinstance(item, h5py.Dataset) and (optional is None or name in names + optional)
        ]
        return {name: layout.finite(name, group[name][()], where) for name in chosen}


def described(file: h5py.File) -> tuple[dict, dict]:
    """Return the settings and the provenance that an open file carries.

    Raises InputError where they are missing or damaged.
    """
    found = []
    for name in ("settings", "provenance"):
        with reading(file.filename):
            words = attribute(file, name)
        try:
            found.append(json.loads(words))
        except (TypeError, ValueError, RecursionError):
            found.append(None)
        if not isinstance(found[-1], dict):
            raise InputError(f"{file.filename}: attribute {name!r} is missing or damaged, expected a JSON object")
    return found[0], found[1]


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return str(value)
