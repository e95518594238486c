"""Radial distribution functions: ideal gas, lattice, an independent count, published peaks."""

import ase.io
import numpy as np
import pytest
from ase import Atoms

from analysis import radial_distribution as rdf
from simulate import trajectory
from simulate.files import store
from simulate.liquid.kob_andersen import SIGMA
from simulate.stage.command import InputError

BOX = np.array([6.0, 6.0, 6.0])


def mixture(n, seed=0):
    types = (np.arange(n) % 5 == 4).astype(np.int8)
    return np.random.default_rng(seed).uniform(0, 6, (n, 3)), types


def test_ideal_gas_is_one():
    frames = [mixture(400, seed)[0] for seed in range(30)]
    r, g = rdf.radial_distribution(iter(frames), mixture(400)[1], BOX, 3.0, 0.1)
    for name, pairs in (("AA", 320 * 319 / 2), ("AB", 320 * 80), ("BB", 80 * 79 / 2)):
        expected = 30 * pairs * 4 * np.pi * r**2 * 0.1 / BOX.prod()
        many = expected > 50
        # Counts are Poisson: deviations in standard errors, over some 25 bins.
        assert np.abs((g[name][many] - 1) * np.sqrt(expected[many])).max() < 4.5


def test_counts_are_those_of_a_double_loop():
    positions, types = mixture(60)
    r, g = rdf.radial_distribution(iter([positions + 12.0]), types, BOX, 3.0, 0.25)
    vectors = positions[:, None] - positions[None]
    vectors -= BOX * np.rint(vectors / BOX)
    distance = np.linalg.norm(vectors, axis=-1)
    counts = np.histogram(distance[np.ix_(types == 0, types == 1)], bins=12, range=(0, 3))[0]
    edges = np.arange(13) * 0.25
    shell = 4 / 3 * np.pi * np.diff(edges**3)
    np.testing.assert_allclose(g["AB"], counts * BOX.prod() / (48 * 12 * shell), rtol=1e-12)
    np.testing.assert_allclose(r, edges[:-1] + 0.125)


def test_cubic_lattice_has_its_first_shell_at_one():
    grid = np.stack(np.meshgrid(*[np.arange(6.0)] * 3), axis=-1).reshape(-1, 3)
    r, g = rdf.radial_distribution(iter([grid]), np.zeros(216, np.int8), BOX, 3.0, 0.04)
    assert r[np.flatnonzero(g["AA"])[0]] == pytest.approx(1, abs=0.021)
    # Coordination number: 6 at 1, 12 at sqrt 2; pairs are normalised by N - 1 others.
    coordination = (g["AA"] * 215 / BOX.prod() * 4 / 3 * np.pi * ((r + 0.02) ** 3 - (r - 0.02) ** 3)).cumsum()
    assert coordination[np.searchsorted(r, 1.2)] == pytest.approx(6)
    assert coordination[np.searchsorted(r, 1.6)] == pytest.approx(18)
    assert np.isnan(g["BB"]).all()


def test_first_peak_of_a_known_function():
    r = (np.arange(300) + 0.5) * 0.01
    g = 1 + 3 * np.exp(-((r - 1.0734) ** 2) / (2 * 0.07**2))
    position, height = rdf.first_peak(r, g, 1.0)
    # A cubic within 0.04 of a Gaussian of width 0.07 leaves a quartic remainder below 1 %.
    assert position == pytest.approx(1.0734, abs=0.002)
    assert height == pytest.approx(4, rel=0.01)
    assert np.isnan(rdf.first_peak(r, r, 1.0)).all()


def test_files_are_averaged_frame_by_frame(tmp_path):
    """A relaxation run of two frames and a sample of one: the mean over three frames."""
    types = mixture(50)[1]
    # PDB keeps 1e-3 angstrom, which is 1e-4 sigma.
    frames = np.stack([mixture(50, seed)[0] for seed in range(3)]).round(4).astype(np.float32)
    shared = {"types": types, "box": BOX}
    run = {**shared, "time": np.array([0.0, 1.0]), "positions": frames[:2]}
    store.write(tmp_path / "run.h5", "relaxation_run", run, {"temperature": 0.7})
    store.write(tmp_path / "sample.h5", "sample", {**shared, "positions": frames[2]}, {"temperature": 0.7})
    trajectory.frames(frames, types, BOX, np.arange(3.0)).save_pdb(str(tmp_path / "trajectory.pdb"))
    ours = rdf.over_files([tmp_path / "run.h5", tmp_path / "sample.h5"], None, 0.1)
    theirs = rdf.over_files([tmp_path / "trajectory.pdb"], None, 0.1)
    atoms = [Atoms(np.array(["Ni", "P"])[types], frame, cell=BOX, pbc=True) for frame in frames]
    ase.io.write(tmp_path / "trajectory.xyz", atoms, format="extxyz")
    read = rdf.over_files([tmp_path / "trajectory.xyz"], None, 0.1)
    assert ours[2] == {"density": pytest.approx(50 / 216), "temperature": 0.7}
    assert theirs[2] == {"density": pytest.approx(50 / 216), "temperature": None}
    for name in rdf.PAIRS:
        np.testing.assert_allclose(ours[1][name], theirs[1][name], rtol=1e-12)
        np.testing.assert_allclose(ours[1][name], read[1][name], rtol=1e-12)
    with pytest.raises(InputError, match=r"r_max 3\.5"):
        rdf.over_files([tmp_path / "sample.h5"], 3.5, 0.1)


@pytest.mark.physics
def test_published_peaks(reference):
    """T = 0.44: first peaks of g_AA 4.27 at 1.072, of g_AB 5.50 at 0.883, from 15 public configurations."""
    paths = sorted((reference / "botan").glob("*.npz"))[:5]
    r, g, about = rdf.over_files(paths, 2.0, 0.01)
    assert about["density"] == pytest.approx(1.2)
    # The peaks are flat at the top: 0.01 in position; 5 configurations and the fit: 2 % in height.
    assert rdf.first_peak(r, g["AA"], SIGMA[0, 0]) == (pytest.approx(1.072, abs=0.01), pytest.approx(4.27, rel=0.02))
    assert rdf.first_peak(r, g["AB"], SIGMA[0, 1]) == (pytest.approx(0.883, abs=0.01), pytest.approx(5.50, rel=0.02))
    assert np.isnan(rdf.first_peak(r, g["BB"], SIGMA[1, 1])).all()
