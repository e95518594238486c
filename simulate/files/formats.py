"""Configurations of the mixture, from any file: ours, the public formats, LAMMPS, extended XYZ, RUMD, mdtraj's.

Lengths are taken as they stand, 1 = 1 sigma_AA, but where mdtraj converts them to nm: there 1 nm is 1 sigma_AA, which
in formats that count in angstrom (PDB, DCD) are 10. Particles are A and B by name (or Ni and P, as `analysis.export`
writes them), or by number, the smaller one A; other names need `species`.
"""

import argparse
import gzip
import io
import itertools
import re
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import h5py
import numpy as np

from simulate.files import layout, provenance, public, store
from simulate.liquid.configuration import Configuration
from simulate.stage.command import InputError, check_file

NAMES = {"A": 0, "NI": 0, "B": 1, "P": 1}
PAGE = "docs/own-configurations.md"
# mdtraj knows the particles of these formats from another file, beside them and of the same name.
WITHOUT_TOPOLOGY = (".dcd", ".xtc", ".trr", ".nc")
# Text grows less than this many times where it is unpacked.
SWELLING = 100
# Number density that no units of the liquid give, but angstrom taken for sigma.
DENSEST = 100
# What the index of a GSD file says of a piece of data (gsd.readthedocs.io, file layer).
GSD_ENTRY = np.dtype([("frame", "<u8"), ("N", "<u8"), ("location", "<i8"), ("M", "<u4"), ("others", "<u4")])

Species = Mapping[str, int] | None


def read(path: str | Path, species: Species = None) -> Configuration:
    """Read a configuration, the last one of a trajectory; the format is found from the file's name and content.

    `species`: which type each name of the file is, 0 = A, 1 = B, where the names do not tell.
    Raises InputError that names the file and what was expected.
    """
    return layout.configuration(deque(_frames(Path(path), species), maxlen=1)[0], path)


def frames(path: str | Path, species: Species = None) -> Iterator[Configuration]:
    """Yield every configuration of a trajectory, or the one that there is, as `read` does."""
    for found in _frames(Path(path), species):
        yield layout.configuration(found, path)


def add_species(parser: argparse.ArgumentParser) -> None:
    """Add the option that says which particles are A and B."""
    text = "names in the file, as A=1,B=2, where they do not tell"
    parser.add_argument("--species", type=_species, metavar="A=NAME,B=NAME", help=text)


def _species(text: str) -> dict[str, int]:
    pairs = [part.split("=", 1) for part in text.split(",")]
    if not all(len(pair) == 2 and pair[0] in ("A", "B") and pair[1] for pair in pairs):
        raise argparse.ArgumentTypeError(f"{text!r}, expected names of both species, as A=1,B=2")
    found = {name: "AB".index(letter) for letter, name in pairs}
    if len(found) < len(pairs):
        raise argparse.ArgumentTypeError(f"{text!r} holds a name twice")
    if set(found.values()) != {0, 1}:
        raise argparse.ArgumentTypeError(f"{text!r}, expected names of both species, as A=1,B=2")
    return found


def _frames(path: Path, species: Species) -> Iterator[Configuration]:
    check_file(path)
    if path.suffix in public.SUFFIXES or _is_ours(path):
        if species is not None:
            raise InputError(f"{path}: --species: the file says itself which particles are A and B")
        yield from _ours(path) if path.suffix not in public.SUFFIXES else [public.configuration(path)]
        return
    provenance.note_input(path)
    found = None
    try:
        for found in _reader(path)(path, species):
            yield found
        if found is None:
            raise InputError(f"{path}: holds no configuration ({PAGE})")
    except InputError:
        raise
    except Exception as error:  # Readers raise nearly anything, by format and damage.
        raise InputError(
            f"{path}: not a configuration: expected a file of ours, a public .pickle or .npz, a LAMMPS dump or data "
            f"file, extended XYZ, or what mdtraj reads with its topology ({PAGE}); {type(error).__name__}: {error}"
        ) from None


def _is_ours(path: Path) -> bool:
    if not h5py.is_hdf5(path):
        # A truncated file of ours is reported by the store, not as an unknown trajectory format.
        return path.suffix in (".h5", ".hdf5")
    with store.reading(path), h5py.File(path, "r") as file:
        return "schema" in file.attrs or "coordinates" not in file


def _ours(path: Path) -> Iterator[Configuration]:
    with store.opened(path) as file:
        found = store.arrays(file, ("positions", "types", "box"), ("inherent_positions",))
        found = {name: array if name == "types" else array.astype(np.float64) for name, array in found.items()}
        run = store.attribute(file, "kind") == "relaxation_run"
        temperature = store.described(file)[0].get("temperature")
    frames = found.pop("positions") if run else [found.pop("positions")]
    if len(frames) == 0:
        raise InputError(f"{path}: holds no configuration")
    for positions in frames:
        yield Configuration(positions=positions, temperature=temperature, **found)


def _reader(path: Path) -> Callable[[Path, Species], Iterator[Configuration]]:
    """Return what reads a file of others, by its first lines or its name."""
    with _text(path) as file:
        start = file.read(4096)
    if start.startswith("ITEM:"):
        return _lammps_dump
    if re.search(r"^\s*\d+\s+atoms\s*$", start, re.M) and "xlo xhi" in start:
        return _lammps_data
    if path.suffix == ".traj":
        return _ase
    return _xyz if re.search(r"\.(ext)?xyz(\.gz)?$", path.name) else _mdtraj


def _text(path: Path) -> io.TextIOWrapper:
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return io.TextIOWrapper(gzip.open(path) if packed else open(path, "rb"), encoding="utf-8", errors="replace")


def _whole_text(path: Path) -> str:
    most = SWELLING * path.stat().st_size
    with _text(path) as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise InputError(f"{path}: swells more than {SWELLING} times, expected text of a configuration")
    return found


def _types(path: Path, species: Species, *columns: np.ndarray) -> np.ndarray:
    """Return types (N,) from the first of several columns of names (N,) that tells them."""
    for names in columns:
        known = _meaning(names) if species is None else species
        if known.keys() >= set(names):
            return np.array([known[name] for name in names], dtype=np.int8)
    found = " ".join(sorted(set(columns[0])))
    expected = "expected A and B, or two numbers with more of the smaller"
    raise InputError(f"{path}: types {found:.50}, {expected}; --species A=NAME,B=NAME says which is which ({PAGE})")


def _meaning(names: np.ndarray) -> dict[str, int]:
    """Return what the names tell: A and B, or two numbers from 0 or from 1 with more of the smaller."""
    if set(names) in ({"0", "1"}, {"1", "2"}):
        smaller, larger = sorted(set(names))
        return {smaller: 0, larger: 1} if np.mean(names == smaller) > 0.5 else {}
    return {name: NAMES[name.upper()] for name in set(names) if name.upper() in NAMES}


def _edges(path: Path, cell: np.ndarray, periodic: bool) -> np.ndarray:
    """Return the edges (3,) of a cell (3, 3)."""
    if not periodic or not np.allclose(cell, np.diag(np.diag(cell)), rtol=0, atol=1e-4 * np.abs(cell).max()):
        raise InputError(f"{path}: expected an orthogonal box, periodic in all three dimensions ({PAGE})")
    return np.diag(cell).copy()


def _lammps_dump(path: Path, species: Species) -> Iterator[Configuration]:
    """Read a dump, sorted by id. (ASE takes elements only, and ours are named A and B.)"""
    with _text(path) as file:
        for line in file:
            if line.startswith("ITEM: UNITS") and (units := next(file).strip()) != "lj":
                raise InputError(f"{path}: units {units}, expected lj")
            if line.startswith("ITEM: NUMBER OF ATOMS"):
                n = int(next(file))
            if line.startswith("ITEM: BOX BOUNDS"):
                flags, bounds = line.split()[-3:], np.loadtxt(list(itertools.islice(file, 3)), ndmin=2)
            if line.startswith("ITEM: ATOMS"):
                names = line.split()[2:]
                rows = [row.split() for row in itertools.islice(file, n)]
                if len(rows) != n or {len(row) for row in rows} != {len(names)}:
                    raise InputError(f"{path}: {len(rows)} particles, expected {n}, each of {len(names)} columns")
                columns = dict(zip(names, np.array(rows).T, strict=True))
                order = np.argsort(columns["id"].astype(int)) if "id" in columns else np.arange(n)
                low, edges = bounds[:, 0], bounds[:, 1] - bounds[:, 0]
                tilted = bounds[:, 2:].any()
                edges = _edges(path, np.diag(edges), all(flag == "pp" for flag in flags) and not tilted)
                form = next((form for form in ("xu", "x", "xsu", "xs") if form in columns), "x")
                places = np.stack([columns[axis + form[1:]] for axis in "xyz"], axis=1).astype(np.float64)
                if "s" in form:
                    places = low + edges * places
                kinds = [columns[name][order] for name in ("element", "type") if name in columns]
                yield Configuration(places[order], _types(path, species, *kinds), edges)


def _lammps_data(path: Path, species: Species) -> Iterator[Configuration]:
    import ase.io

    text = _whole_text(path)
    if int(re.findall(r"(\d+)\s+atoms", text)[0]) > len(text):
        raise InputError(f"{path}: claims more particles than it can hold")
    labels = re.search(r"^\s*Atom Type Labels\s*\n\s*\n((?:\s*\d+\s+\S+.*\n)+)", text, re.M)
    # ASE would guess elements from masses, and does not sort names: numbers for both, sorted here.
    types = {number: number for number in range(1, 100)}
    found = next(ase.io.iread(io.StringIO(text), format="lammps-data", sort_by_id=False, Z_of_type=types))
    names = found.numbers.astype(str)
    if labels:
        named = dict(line.split()[:2] for line in labels[1].splitlines() if line.strip())
        names = np.array([named[name] for name in names])
    order = np.argsort(found.arrays["id"])
    edges = _edges(path, found.cell.array, True)
    yield Configuration(found.positions[order], _types(path, species, names[order]), edges)


def _xyz(path: Path, species: Species) -> Iterator[Configuration]:
    """Read extended XYZ, and RUMD's with its comments translated."""
    import ase.io

    text = re.sub(r"^(\s*\d+[ \t]*\n)(.*)$", lambda two: two[1] + _comment(two[2]), _whole_text(path), flags=re.M)
    return _ase(path, species, ase.io.iread(io.StringIO(text), index=":", format="extxyz"))


def _ase(path: Path, species: Species, frames: Iterable | None = None) -> Iterator[Configuration]:
    """Yield frames as ASE holds them (None: of its own .traj)."""
    import ase.io

    for found in ase.io.iread(path, index=":", format="traj") if frames is None else frames:
        edges = _edges(path, found.cell.array, found.pbc.all() and found.cell.volume > 0)
        columns = [found.arrays[name].astype(str) for name in ("name", "type") if name in found.arrays]
        temperature = found.info.get("temperature")
        known = float(temperature) if isinstance(temperature, int | float) else None
        columns = columns or [np.array(found.get_chemical_symbols())]
        yield Configuration(found.positions, _types(path, species, *columns), edges, known)


def _comment(line: str) -> str:
    """Return a comment line as ASE understands it; it takes a column `species` for elements, and ours are A and B."""
    if box := re.search(r"sim_box=RectangularSimulationBox,([^,\s]+),([^,\s]+),([^,\s]+)", line):
        if not (others := re.search(r"columns=type,x,y,z(?:,(\S+))?", line)):
            raise ValueError("a comment of RUMD without columns=type,x,y,z")
        columns = ":".join(["name:S:1:pos:R:3", *(f"{name}:R:1" for name in (others[1] or "").split(",") if name)])
        return f'Lattice="{box[1]} 0 0 0 {box[2]} 0 0 0 {box[3]}" Properties={columns}'
    line = line if "Properties=" in line else f"{line} Properties=species:S:1:pos:R:3"
    return re.sub(r"\bspecies:S:1", "name:S:1", line)


def _check_gsd(path: Path) -> None:
    """Raise ValueError where a GSD file points beyond its end: its library would crash, or ask for all memory."""
    content = np.memmap(path, dtype=np.uint8, mode="r")
    size = len(content)
    _, index, entries, names, listed = map(int, content[:40].view("<u8"))
    if index + entries * GSD_ENTRY.itemsize > size or names + 64 * listed > size:
        raise ValueError("truncated or damaged")
    table = content[index : index + entries * GSD_ENTRY.itemsize].view(GSD_ENTRY)
    if (table["N"].astype(float) * table["M"] > size).any() or (table["location"] > size).any():
        raise ValueError("damaged: claims more than it holds")


def _mdtraj(path: Path, species: Species) -> Iterator[Configuration]:
    """Read a file with a topology; the particle type is the atom's name."""
    import mdtraj

    if path.suffix == ".gsd":
        _check_gsd(path)
    beside = [path.with_suffix(suffix) for suffix in (".pdb", ".gro")]
    topology = next((str(file) for file in beside if file.is_file()), None)
    with warnings.catch_warnings(action="ignore"):
        found = mdtraj.load(str(path), **({"top": topology} if path.suffix in WITHOUT_TOPOLOGY and topology else {}))
    # A cell too dense for atoms mdtraj takes for none.
    units = "; PDB counts in angstrom, 10 of which are 1 sigma" if path.name.endswith((".pdb", ".pdb.gz")) else ""
    if found.unitcell_lengths is None or not np.allclose(found.unitcell_angles, 90, atol=1e-3):
        raise InputError(f"{path}: expected an orthogonal periodic box{units} ({PAGE})")
    kinds = _types(path, species, np.array([atom.name for atom in found.topology.atoms]))
    for positions, box in zip(found.xyz.astype(np.float64), found.unitcell_lengths.astype(np.float64), strict=True):
        if units and len(kinds) > DENSEST * box.prod():
            raise InputError(f"{path}: density {len(kinds) / box.prod():.4g}{units} ({PAGE})")
        yield Configuration(positions, kinds, box)
