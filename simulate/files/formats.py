"""One configuration of the mixture, from any file: ours, the two public formats, or what mdtraj reads."""

from pathlib import Path

import h5py
import numpy as np

from simulate import published
from simulate.files import layout, provenance, store
from simulate.liquid.box import wrap
from simulate.liquid.configuration import Configuration
from simulate.stage.command import InputError, check_file


def read(path: str | Path) -> Configuration:
    """Read a configuration; the format is found from the file's name and content.

    Raises InputError that names the file and what was expected.
    """
    path = Path(path)
    check_file(path)
    if path.suffix in (".pickle", ".pkl"):
        return checked(_of_ensemble(published.read_deepmind(path)), path)
    if path.suffix == ".npz":
        return checked(_of_ensemble(published.read_botan(path)), path)
    if _is_ours(path):
        return checked(_ours(path), path)
    return checked(_mdtraj(path), path)


def checked(configuration: Configuration, path: str | Path) -> Configuration:
    """Return the configuration, or raise InputError for shapes, types or numbers that cannot be right."""
    n = len(configuration.types)
    if n == 0:
        raise InputError(f"{path}: holds no particles")
    if configuration.positions.shape != (n, 3):
        raise InputError(f"{path}: positions have shape {configuration.positions.shape}, expected ({n}, 3)")
    layout.box(configuration.box, str(path))
    for name in ("positions", "inherent_positions"):
        array = getattr(configuration, name)
        if array is not None:
            layout.finite(name, array, str(path))
    configuration.types = layout.types(configuration.types, str(path))
    wrapped = wrap(configuration.positions, configuration.box)
    _, first, count = np.unique(wrapped, axis=0, return_index=True, return_counts=True)
    if len(first) < n:
        place = wrapped[first[count > 1][0]]
        same = np.flatnonzero((wrapped == place).all(axis=1))
        raise InputError(f"{path}: particles {same[0]} and {same[1]} are at the same place, expected N different ones")
    return configuration


def _of_ensemble(ensemble: published.Ensemble) -> Configuration:
    return Configuration(ensemble.positions, ensemble.types, ensemble.box, ensemble.temperature)


def _is_ours(path: Path) -> bool:
    if not h5py.is_hdf5(path):
        # A truncated file of ours is reported by the store, not as an unknown trajectory format.
        return path.suffix in (".h5", ".hdf5")
    with store.reading(path), h5py.File(path, "r") as file:
        return "schema" in file.attrs or "coordinates" not in file


def _ours(path: Path) -> Configuration:
    with store.opened(path) as file:
        found = store.arrays(file, ("positions", "types", "box"), ("inherent_positions",))
        found = {name: array if name == "types" else array.astype(np.float64) for name, array in found.items()}
        return Configuration(temperature=store.described(file)[0].get("temperature"), **found)


def _mdtraj(path: Path) -> Configuration:
    """Read the last frame of a file with a topology; the particle type is the atom's name (A or B).

    Lengths follow `units`: 1 nm is 1 sigma_AA, in every format that mdtraj converts to nm.
    """
    import mdtraj

    provenance.note_input(path)
    try:
        frame = mdtraj.load(str(path))[-1]
    except Exception as error:  # mdtraj raises nearly anything, by format.
        raise InputError(
            f"{path}: not a configuration: expected a file of ours, a public .pickle or .npz, or one that mdtraj "
            f"reads with its topology ({type(error).__name__}: {error})"
        ) from None
    if frame.unitcell_lengths is None or not np.allclose(frame.unitcell_angles, 90, atol=1e-3):
        raise InputError(f"{path}: expected an orthogonal periodic box")
    names = [atom.name.upper() for atom in frame.topology.atoms]
    unknown = sorted(set(names) - {"A", "B"})
    if unknown:
        raise InputError(f"{path}: particle type {unknown[0]!r}, expected atoms named A or B")
    return Configuration(
        positions=frame.xyz[0].astype(np.float64),
        types=np.array([name == "B" for name in names], dtype=np.int8),
        box=frame.unitcell_lengths[0].astype(np.float64),
    )
