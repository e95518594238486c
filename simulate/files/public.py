"""Isoconfigurational ensembles that others published, read as they are.

- Bapst et al., Nature Physics 16, 448 (2020): one pickle per configuration, with the runs of all ten times, or with the
  propensities alone (`targets`) and the runs of fewer times.
- Shiba et al., J. Chem. Phys. 158, 084503 (2023), "BOTAN": one .npz per configuration and time, with the runs.
- Jung et al., "GlassBench", doi:10.5281/zenodo.10118191: one .npz per configuration, with propensities of ten times.
  Its bond-breaking correlations (`bb_prop`) are another quantity, and are not read.

A pickle can run code when it is opened, so it is opened by a loader that admits numpy arrays and plain containers only.
"""

import pickle
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core import multiarray

from simulate.files import layout, provenance
from simulate.liquid.configuration import Configuration
from simulate.liquid.statistics import correlation, displacements
from simulate.stage import command
from simulate.stage.command import InputError

SUFFIXES = (".pickle", ".pkl", ".npz")
# The number density at which the configurations of BOTAN and GlassBench were made; their files do not carry the box.
BOTAN_DENSITY = 1.2
# Nor do those of GlassBench carry their times.
GLASSBENCH_TIMES = {
    0.44: (0.13, 1.3, 13, 130, 412, 1300, 4120, 13000, 41200, 130000),
    0.50: (0.108, 0.434, 2.17, 6.86, 21.7, 68.6, 217, 686, 2170, 6860),
    0.56: (0.104, 0.33, 0.99, 1.65, 5.2, 16.5, 52, 165, 520, 1650),
    0.64: (0.032, 0.1, 0.165, 0.52, 1.65, 5.2, 16.5, 52, 165, 520),
}


@dataclass
class Ensemble:
    """An isoconfigurational ensemble: one configuration and where its runs went.

    time (M,), NaN where not known; targets (M, R, N, 3) unwrapped, or None where only the propensity (M, N) was
    published; is_values (M,) the F_s at each time, where the file has them.
    """

    start: Configuration
    time: np.ndarray
    targets: np.ndarray | None = None
    propensity: np.ndarray | None = None
    is_values: np.ndarray | None = None

    def at(self, chosen: np.ndarray) -> "Ensemble":
        """Return what is known at the times of the given indices."""
        names = ("time", "targets", "propensity", "is_values")
        kept = {name: getattr(self, name)[chosen] for name in names if getattr(self, name) is not None}
        return replace(self, **kept)


def configuration(path: str | Path) -> Configuration:
    """Return the configuration of a public file, whatever else the file holds or lacks.

    Temperature: from the file, and of an .npz from its name (`isoconfig_N4096T0.44_1_tc07.npz`).
    """
    if Path(path).suffix == ".npz":
        return _of_npz(_load_npz(path, ("types", "initial_positions", "initial_positions_inherent")), path)
    return _of_pickle(load_pickle(path), path)


def ensemble(path: str | Path, times: Sequence[float] | None = None, temperature: float | None = None) -> Ensemble:
    """Return the ensemble of a public file; its times are increasing.

    `times` is the one of a BOTAN file, which does not carry it (NaN where not given), and of GlassBench which of ten to
    return (None: all); `temperature` instead of one that the name of a GlassBench file does not tell.
    """
    if Path(path).suffix != ".npz":
        if times is not None:
            raise InputError(f"{path}: time {times[0]:g}: the file carries its own times, expected values of F_s")
        return _bapst(load_pickle(path), path)
    content = _load_npz(path, ("types", "initial_positions", "initial_positions_inherent", "positions", "md_prop"))
    start = _of_npz(content, path)
    if "positions" not in content:
        return _glassbench(content, start, path, times, temperature if start.temperature is None else start.temperature)
    if times is not None and len(times) > 1:
        raise InputError(f"{path}: {len(times)} times, expected the one of the runs that the file holds")
    targets = _numbers(content, "positions", path, np.float32)[np.newaxis]
    return _checked(Ensemble(start, np.array([np.nan] if times is None else times), targets), path)


class _ArraysOnly(pickle.Unpickler):
    """Unpickles numpy arrays, numpy scalars and plain containers; refuses every other global."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name in ("_reconstruct", "scalar"):
            return getattr(multiarray, name)
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def load_pickle(path: str | Path) -> dict:
    """Return the dictionary of a pickle that holds numpy arrays and plain containers only.

    Raises InputError where it asks for anything else, or is damaged.
    """
    provenance.note_input(path)
    try:
        with open(path, "rb") as file:
            content = _ArraysOnly(file).load()
    except OSError:
        raise
    except Exception as error:  # A damaged pickle raises nearly anything.
        raise InputError(
            f"{path}: refused: expected a whole pickle of numpy arrays and plain containers only ({error})"
        ) from None
    return content if isinstance(content, dict) else {}


def _load_npz(path: str | Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    layout.archive(path)
    provenance.note_input(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in names if name in file}
    except Exception as error:  # A damaged archive raises nearly anything, a hostile one asks for all memory.
        raise InputError(f"{path}: expected a whole .npz of plain arrays ({error})") from None


def _needs(content: dict, path: str | Path, *names: str) -> None:
    missing = [name for name in names if name not in content]
    if missing:
        raise InputError(f"{path}: expected {', '.join(names)}; no {missing[0]!r} (docs/own-configurations.md)")


def _numbers(content: dict, name: str, path: str | Path, kind: type = np.float64) -> np.ndarray:
    """Return an array by name, finite and of numbers."""
    try:
        return layout.finite(name, np.asarray(content[name], dtype=kind), str(path))
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{path}: {name}: expected an array of numbers ({error})") from None


def _of_npz(content: dict, path: str | Path) -> Configuration:
    _needs(content, path, "types", "initial_positions")
    types = content["types"]
    # GlassBench counts from 1, BOTAN from 0.
    if types.dtype.kind in "biuf" and types.size and types.min() == 1 and types.max() == 2:
        types = types - 1
    named = re.search(r"T(\d+\.\d+)", Path(path).name)
    found = Configuration(
        positions=_numbers(content, "initial_positions", path),
        types=layout.types(types, str(path)),
        box=np.full(3, (types.size / BOTAN_DENSITY) ** (1 / 3)),
        temperature=float(named.group(1)) if named else None,
    )
    if "initial_positions_inherent" in content:
        found.inherent_positions = _numbers(content, "initial_positions_inherent", path)
    return layout.configuration(found, path)


def _of_pickle(content: dict, path: str | Path) -> Configuration:
    _needs(content, path, "positions", "types", "box")
    metadata = content.get("metadata")
    temperature = metadata.get("temperature") if isinstance(metadata, dict) else None
    try:
        known = None if temperature is None else float(temperature)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: temperature in the metadata: expected a number ({error})") from None
    types = layout.types(content["types"], str(path))
    found = Configuration(_numbers(content, "positions", path), types, layout.box(content["box"], str(path)), known)
    return layout.configuration(found, path)


def _bapst(content: dict, path: str | Path) -> Ensemble:
    """Times are those at which F_s takes the `is_values`: increasing, so 0.9 first, 1/e between 0.4 and 0.3."""
    start = _of_pickle(content, path)
    _needs(content, path, "time", "time_indices", "is_values")
    runs = content.get("trajectory_target_positions", ())
    try:
        time = np.asarray(content["time"], dtype=np.float64)[np.asarray(content["time_indices"], dtype=int)]
        order = np.argsort(time)
        found = Ensemble(start, time[order], is_values=np.asarray(content["is_values"], dtype=np.float64)[order])
        if len(runs) == len(time):
            found.targets = np.stack([np.asarray(runs[index], dtype=np.float32) for index in order])
        elif len(content.get("targets", ())) == len(time):
            found.propensity = np.stack([np.asarray(content["targets"][index], dtype=np.float64) for index in order])
            for index, targets in enumerate(runs):
                _compare(start, np.asarray(targets, dtype=np.float64), content["targets"][index], path)
    except (ValueError, TypeError, IndexError, KeyError, OverflowError) as error:
        raise InputError(f"{path}: arrays do not fit together: {error}") from None
    return _checked(found, path, f"runs of {len(runs)} of {len(time)} times, and no `targets` of all of them")


def _compare(start: Configuration, targets: np.ndarray, told: np.ndarray, path: str | Path) -> None:
    """Say so where the propensities of a time are not what its runs give."""
    if correlation(displacements(start.positions, targets).mean(axis=0), np.asarray(told)) < 0.99:
        command.warn(f"{path}: `targets` are not the mean displacements of the runs beside them; taken as they are")


def _glassbench(
    content: dict, start: Configuration, path: str | Path, wanted: Sequence[float] | None, temperature: float | None
) -> Ensemble:
    if "md_prop" not in content:
        raise InputError(f"{path}: holds a configuration, but neither runs ('positions') nor propensities ('md_prop')")
    times = next((t for known, t in GLASSBENCH_TIMES.items() if temperature and abs(known - temperature) < 5e-4), None)
    if times is None:
        known = ", ".join(f"{t:g}" for t in GLASSBENCH_TIMES)
        raise InputError(f"{path}: its times are known at the temperatures {known} only, not at {temperature}")
    found = Ensemble(start, np.array(times), propensity=_numbers(content, "md_prop", path))
    if found.propensity is not None and found.propensity.shape == (start.types.size, len(times)):
        found.propensity = found.propensity.T
    found = _checked(found, path)
    if wanted is None:
        return found
    same = np.isclose(found.time, np.reshape(wanted, (-1, 1)), rtol=1e-3, atol=0)
    if not same.any(axis=1).all():
        absent = wanted[int(same.any(axis=1).argmin())]
        raise InputError(f"{path}: no time {absent:g}, expected one of {', '.join(f'{t:g}' for t in times)}")
    return found.at(np.flatnonzero(same.any(axis=0)))


def _checked(found: Ensemble, path: str | Path, lacking: str = "") -> Ensemble:
    """Return an ensemble whose arrays fit together. Raises InputError, also where nothing was measured (`lacking`)."""
    n, times = found.start.types.size, len(found.time)
    runs, propensity = found.targets, found.propensity
    if runs is None and propensity is None:
        raise InputError(f"{path}: {lacking}")
    if runs is not None and (runs.ndim != 4 or (runs.shape[0], *runs.shape[2:]) != (times, n, 3)):
        raise InputError(f"{path}: runs have shape {runs.shape}, expected ({times}, runs, {n}, 3)")
    if propensity is not None and propensity.shape != (times, n):
        raise InputError(f"{path}: propensities have shape {propensity.shape}, expected ({times}, {n})")
    for name, array in (("trajectory_target_positions", runs), ("propensity", propensity)):
        if array is not None:
            layout.finite(name, array, str(path))
    return found
