"""What the arrays of our files look like, checked when a file is opened, before any of them is used.

A letter stands for a number that is the same wherever the letter occurs in one file or group: N particles, M times,
R runs, F frames, E edges, K lags.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import ArrayLike

from simulate.liquid.box import wrap
from simulate.liquid.configuration import Configuration
from simulate.stage.command import InputError

Layout = Mapping[str, tuple[str | int, ...]]

_STRUCTURE: dict[str, tuple[str | int, ...]] = {"types": ("N",), "box": (3,), "positions": ("N", 3)}
_QUENCHED: dict[str, tuple[str | int, ...]] = {
    "inherent_positions": ("N", 3),
    "inherent_energy": ("N",),
}
_MEASURED: dict[str, tuple[str | int, ...]] = {
    "time": ("M",),
    "propensity": ("M", "N"),
    "standard_error": ("M", "N"),
    **{f"{name}_{species}": ("M",) for name in ("reliability", "ceiling") for species in "AB"},
}
LAYOUTS: dict[str, Layout] = {
    "sample": _STRUCTURE,
    "inherent": _STRUCTURE | _QUENCHED,
    "relaxation_run": {"types": ("N",), "box": (3,), "time": ("F",), "positions": ("F", "N", 3)},
    "relaxation": {name: ("K",) for name in ("time", "F_s", "F_s_error", "msd")}
    | {"tau_alpha": (), "sampling_time": ("M",)},
    # Where only propensities were published, they stand in place of the runs.
    "isoconfigurational": _STRUCTURE
    | {"time": ("M",), "trajectory_target_positions": ("M", "R", "N", 3), "propensity": ("M", "N")},
    "propensity": {"types": ("N",)} | _MEASURED,
    "prediction": _STRUCTURE | {"time": ("M",), "propensity": ("M", "N")},
    "graphs": {"time": ("M",)},
    "predictions": {"time": ("M",)},
    "archive": {"time": ("M",)},
}
# The groups of graphs, archives and predictions: one per sample.
GRAPH = _STRUCTURE | _QUENCHED | _MEASURED | {"senders": ("E",), "receivers": ("E",)}
ARCHIVED = _STRUCTURE | _QUENCHED | _MEASURED | {"halves": (2, "M", "N"), "overlap": ("M", "R"), "F_s": ("M",)}
PREDICTION: Layout = {"prediction": ("M", "N")}

# Numbers that are never NaN or infinite in a good file.
FINITE = {
    *("positions", "inherent_positions", "trajectory_target_positions", "box"),
    *("propensity", "prediction", "inherent_energy", "sampling_time", "F_s"),
}
# Positions farther out than this, in sigma, have lost the digits that tell neighbours apart in single precision.
FARTHEST = 1e5
# An array that claims to be this many times larger than what the file holds of it is none that a stage wrote.
COMPRESSION = 1000


def check(where: str, group: h5py.Group, layout: Layout) -> None:
    """Check kinds and shapes of those arrays of a group that are in the layout, and the values of types and box.

    Raises InputError that names the array and what was expected.
    """
    known: dict[str | int, str | int] = {}
    for name, shape in layout.items():
        if name not in group:
            continue
        item = group[name]
        if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "biuf":
            found = f"of type {item.dtype}" if isinstance(item, h5py.Dataset) else "a group"
            raise InputError(f"{where}: {name} is {found}, expected an array of numbers")
        if item.nbytes > COMPRESSION * (item.id.get_storage_size() + 1000):
            raise InputError(f"{where}: {name} claims {item.nbytes} bytes, the file holds only a fraction of them")
        expected = tuple(known.get(size, size) for size in shape)
        if len(item.shape) != len(shape) or any(
            size != wanted for size, wanted in zip(item.shape, expected, strict=True) if isinstance(wanted, int)
        ):
            flat = "; three-dimensional only" if expected[-1:] == (3,) and item.shape[-1:] == (2,) else ""
            raise InputError(f"{where}: {name} has shape {item.shape}, expected {_text(expected)}{flat}")
        known |= {letter: size for letter, size in zip(shape, item.shape, strict=True) if isinstance(letter, str)}
    for name, check_values in (("types", types), ("box", box)):
        if name in group and name in layout:
            check_values(group[name][()], where)


def _text(shape: tuple[str | int, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def configuration(found: Configuration, path: str | Path) -> Configuration:
    """Return the configuration, or raise InputError for shapes, types or numbers that cannot be right."""
    n = len(found.types)
    if n == 0:
        raise InputError(f"{path}: holds no particles")
    if found.types.ndim != 1:
        raise InputError(f"{path}: types have shape {found.types.shape}, expected (N,)")
    if found.temperature is not None and not 0 < found.temperature < np.inf:
        raise InputError(f"{path}: temperature {found.temperature:g}, expected a positive number")
    for name in ("positions", "inherent_positions"):
        array = getattr(found, name)
        if array is not None:
            if array.shape != (n, 3):
                flat = "; three-dimensional only" if array.shape == (n, 2) else ""
                raise InputError(f"{path}: {name} have shape {array.shape}, expected ({n}, 3){flat}")
            finite(name, array, str(path))
    if n > 3 and (np.ptp(found.positions, axis=0) == 0).any():
        raise InputError(f"{path}: all particles lie in one plane; three-dimensional only")
    found.box, found.types = box(found.box, str(path)), types(found.types, str(path))
    wrapped = wrap(found.positions, found.box)
    _, first, count = np.unique(wrapped, axis=0, return_index=True, return_counts=True)
    if len(first) < n:
        place = wrapped[first[count > 1][0]]
        same = np.flatnonzero((wrapped == place).all(axis=1))
        raise InputError(f"{path}: particles {same[0]} and {same[1]} are at the same place, expected N different ones")
    return found


def types(found: ArrayLike, where: str) -> np.ndarray:
    """Return particle types (N,) as int8, or raise InputError where they are not 0 (A) and 1 (B)."""
    found = np.asarray(found)
    if found.dtype.kind not in "biuf":
        raise InputError(f"{where}: types are {found.dtype}, expected 0 (A) and 1 (B) only")
    other = ~np.isin(found, (0, 1))
    if other.any():
        raise InputError(f"{where}: types hold {found[other].ravel()[0]}, expected 0 (A) and 1 (B) only")
    return found.astype(np.int8)


def box(found: ArrayLike, where: str) -> np.ndarray:
    """Return the box (3,), or raise InputError where it is not three positive edges."""
    found = np.asarray(found, dtype=np.float64)
    if found.shape != (3,) or not (np.isfinite(found) & (found > 0)).all():
        flat = "; three-dimensional only" if found.shape == (2,) else ""
        raise InputError(f"{where}: box is {found}, expected three positive edges{flat}")
    return found


def finite(name: str, found: np.ndarray, where: str) -> np.ndarray:
    """Return an array, or raise InputError where it holds numbers that a good file never has under this name."""
    if name in FINITE and not np.isfinite(found).all():
        place = tuple(int(index) for index in np.argwhere(~np.isfinite(found))[0])
        raise InputError(f"{where}: {name} hold NaN or infinite numbers (first at {place}), expected finite ones")
    if name.endswith("positions") and found.size and np.abs(found).max() > FARTHEST:
        raise InputError(f"{where}: {name} reach {np.abs(found).max():.3g} sigma, expected at most {FARTHEST:g}")
    return found


def archive(path: str | Path) -> None:
    """Raise InputError where a file is no whole zip archive (.npz, .pt), or one that would swell beyond all reason."""
    with open(path, "rb") as content:
        try:
            size = sum(entry.file_size for entry in zipfile.ZipFile(content).infolist())
        except Exception as error:  # A damaged archive raises nearly anything.
            raise InputError(
                f"{path}: not a whole archive (truncated, damaged or of another format): {error}"
            ) from None
    held = Path(path).stat().st_size
    if size > COMPRESSION * held:
        raise InputError(f"{path}: claims to hold {size} bytes in {held}, expected an archive of arrays")
