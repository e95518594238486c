"""What a sample must show: drift, memory of the quench, displacement, crystal."""

import dataclasses

import numpy as np
import pytest

from simulate.liquid import equilibrium as evidence


def correlated(generator, n_series, length=121, memory=0.92):
    """Stationary series whose correlation falls to 1/e in 12 records, one tau_alpha of a run of ten."""
    noise = generator.normal(size=(n_series, length)) * np.sqrt(1 - memory**2)
    series = np.empty_like(noise)
    series[:, 0] = generator.normal(size=n_series)
    for k in range(1, length):
        series[:, k] = memory * series[:, k - 1] + noise[:, k]
    return series


@pytest.mark.physics
def test_energy_drift_of_equilibrium_stays_within_its_limit():
    """The worst case: energies that forget in a whole tau_alpha (measured: 0.3 to 0.8)."""
    drifts = np.array([evidence.energy_drift(s, 10.0) for s in correlated(np.random.default_rng(3), 5000)])
    assert np.abs(drifts.mean()) < 0.1
    assert np.mean(np.abs(drifts) > evidence.LARGEST_DRIFT) < 2e-3


@pytest.mark.physics
def test_energy_that_falls_is_seen():
    """A fall over the run by six times the spread, as after a quench that has not ended."""
    series = correlated(np.random.default_rng(4), 20, memory=0.5) - np.linspace(0, 12, 121)
    drifts = [evidence.energy_drift(s, 100.0) for s in series]
    assert max(drifts) < -evidence.LARGEST_DRIFT


def lattice(basis, cells, density=1.2):
    corners = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    sites = (corners + np.array(basis)).reshape(-1, 3)
    edge = (len(sites) / density) ** (1 / 3)
    return sites / cells * edge, np.full(3, edge)


@pytest.mark.physics
@pytest.mark.parametrize(
    ("basis", "cells"),
    [([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]], 5), ([[0, 0, 0], [0.5, 0.5, 0.5]], 6)],
    ids=["fcc", "bcc"],
)
def test_crystals_are_recognised(basis, cells):
    sites, box = lattice(basis, cells)
    shaken = sites + np.random.default_rng(2).normal(scale=0.05, size=sites.shape)
    assert evidence.crystalline_fraction(shaken, box) > 0.95


GOOD = evidence.Evidence(energy_drift=-0.3, F_s_since_quench=0.01, rms_displacement=0.9, crystalline_fraction=0.0)


@pytest.mark.parametrize(
    ("name", "bad", "limit"),
    [
        ("energy_drift", -6.0, "expected within +-5.0"),
        ("F_s_since_quench", 0.3, "expected below 0.2"),
        ("rms_displacement", 0.2, "expected above 0.5"),
        ("crystalline_fraction", 0.15, "expected below 0.1"),
    ],
)
def test_each_kind_of_evidence_refuses_by_itself(name, bad, limit):
    assert GOOD.objections() == []
    assert dataclasses.replace(GOOD, **{name: bad}).objections() == [f"{name} is {bad:.3g}, {limit}"]


@pytest.mark.physics
def test_crystal_is_refused_though_its_energy_is_steady_and_its_particles_have_moved():
    """Every particle has moved by a sigma, the energy is steady, and the end is face-centred cubic all the same."""
    generator = np.random.default_rng(7)
    sites, box = lattice([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]], 5)
    after = sites + generator.normal(scale=0.04, size=sites.shape)
    way = generator.normal(size=sites.shape)
    before = after - way / np.linalg.norm(way, axis=1, keepdims=True)
    energies = generator.normal(size=121)
    found = evidence.gather(energies, 100.0, before, after, np.zeros(len(sites), dtype=int), box)
    assert [text.split()[0] for text in found.objections()] == ["crystalline_fraction"]


@pytest.mark.physics
def test_liquid_is_no_crystal(liquid):
    assert evidence.crystalline_fraction(liquid.positions, liquid.box) < evidence.LARGEST_CRYSTAL / 2


def test_motion_of_the_whole_is_no_displacement(liquid):
    moved = liquid.positions + np.array([3.0, 0, 0])
    found = evidence.gather(np.sin(np.arange(121.0)), 10.0, liquid.positions, moved, liquid.types, liquid.box)
    assert found.rms_displacement < 1e-9
    assert found.F_s_since_quench == pytest.approx(1)
    assert [text.split()[0] for text in found.objections()] == ["F_s_since_quench", "rms_displacement"]
