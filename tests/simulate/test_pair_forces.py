"""The compiled loop over pairs: against the double loop for any mixture, along a trajectory, and its list."""

import numpy as np
import pytest

from simulate.liquid import kob_andersen, pair_forces
from simulate.liquid.pair_forces import PairForces
from tests.simulate import test_kob_andersen as reference


@pytest.mark.physics
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("epsilon", "sigma"),
    [
        (kob_andersen.EPSILON, kob_andersen.SIGMA),
        (np.array([[1.0, 0.7], [0.7, 1.3]]), np.array([[1.0, 0.9], [0.9, 0.75]])),
    ],
    ids=["Kob-Andersen", "another mixture"],
)
def test_energy_and_forces_equal_the_double_loop(monkeypatch, seed, epsilon, sigma):
    monkeypatch.setattr(kob_andersen, "EPSILON", epsilon)
    monkeypatch.setattr(kob_andersen, "SIGMA", sigma)
    kinds = ((0, 0), (0, 1), (1, 0), (1, 1))
    monkeypatch.setattr(reference, "PARAMETERS", {pair: (epsilon[pair], sigma[pair]) for pair in kinds})
    shifted, _, expected, _ = reference.double_loop.__wrapped__(seed)
    positions, types, box = reference.mixture(seed)
    energy, forces = PairForces(types, box)(positions)
    assert energy == pytest.approx(shifted, rel=1e-12)
    np.testing.assert_allclose(forces, expected, atol=1e-11 * np.abs(expected).max())


@pytest.mark.physics
@pytest.mark.parametrize("edge", [5.2, 9.5], ids=["one cell", "three cells"])
def test_list_holds_every_pair_while_particles_move(edge):
    """Random steps, some across the box, far beyond the skin in all: every call agrees with the tree of scipy."""
    generator = np.random.default_rng(3)
    n, box = round(1.2 * edge**3), np.array([edge, edge, edge + 0.3])
    sites = np.stack(np.meshgrid(*[np.arange(np.ceil(n ** (1 / 3)))] * 3), axis=-1).reshape(-1, 3)[:n]
    positions = sites * box / np.ceil(n ** (1 / 3))
    types = (generator.random(n) < 0.35).astype(np.int8)
    compute, lists = PairForces(types, box), set()
    for step in range(60):
        positions = positions + generator.normal(scale=0.02, size=positions.shape) + [0.03, 0, -0.05]
        if step == 30:
            positions += box * generator.integers(-2, 3, positions.shape)
        energy, forces = compute(positions)
        expected = kob_andersen.evaluate(positions, types, box)
        assert energy == pytest.approx(expected.energy, rel=1e-10)
        np.testing.assert_allclose(forces, expected.forces, atol=1e-10 * np.abs(expected.forces).max())
        lists.add(compute._listed[0, 0])
    # The list was kept for some steps, and made again in others.
    assert 5 < len(lists) < 50


def test_forgetting_makes_the_bits_depend_on_the_positions_alone(liquid):
    """Two histories end at the same positions; without forgetting, sums are in another order."""
    compute = PairForces(liquid.types, liquid.box)
    nudged = liquid.positions + np.random.default_rng(1).normal(scale=0.02, size=liquid.positions.shape)
    compute(liquid.positions)
    compute.forget()
    expected = [np.array(part) for part in PairForces(liquid.types, liquid.box)(nudged)]
    found = compute(nudged)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_positions_that_are_none_are_refused(liquid, value):
    positions = liquid.positions.copy()
    positions[5, 1] = value
    with pytest.raises(FloatingPointError, match="not finite"):
        PairForces(liquid.types, liquid.box)(positions)


def test_room_for_neighbours_grows(monkeypatch):
    """A dense clump has more neighbours than a liquid."""
    monkeypatch.setattr(pair_forces, "SKIN", 2.0)
    generator = np.random.default_rng(0)
    positions, box = generator.random((400, 3)) * 2.5, np.full(3, 9.0)
    types = np.zeros(400, dtype=np.int8)
    energy, _ = PairForces(types, box)(positions)
    assert energy == pytest.approx(kob_andersen.evaluate(positions, types, box).energy, rel=1e-10)
