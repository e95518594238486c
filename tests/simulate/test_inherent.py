"""Inherent structures against a double-precision minimisation."""

import dataclasses
import time

import numpy as np
import pytest
from scipy.optimize import minimize

from simulate.files import formats as configuration
from simulate.liquid import kob_andersen
from simulate.liquid.minimisation import TOLERANCE, inherent_structure
from simulate.stage.command import InputError
from tests.simulate.validation import row


@pytest.fixture(scope="module")
def found(liquid, device):
    return inherent_structure(liquid, device)


def bottom_of(start, found):
    """Energy per particle and positions of the minimum below `found`, followed in double precision."""

    def energy(flat):
        evaluation = kob_andersen.evaluate(flat.reshape(-1, 3), start.types, start.box)
        return evaluation.energy, -evaluation.forces.ravel()

    bottom = minimize(energy, found.positions.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 400})
    return bottom.fun / len(start.types), bottom.x.reshape(-1, 3)


@pytest.mark.physics
def test_energy_agrees_with_a_double_precision_minimisation(liquid, found):
    """The same basin, followed to its bottom from a point inside it: what single precision leaves is below 1e-4."""
    energy, positions = bottom_of(liquid, found)
    assert found.energies.mean() - energy < 1e-4
    assert np.linalg.norm(positions - found.positions, axis=1).max() < 0.2


@pytest.mark.physics
def test_residual_force_is_what_it_says(liquid, found):
    forces = kob_andersen.evaluate(found.positions, liquid.types, liquid.box).forces
    assert found.residual_rms == pytest.approx(np.sqrt((forces**2).mean()), rel=1e-6)
    assert found.residual_rms < TOLERANCE * 3
    # Particles stay near where they were: no jump across the box.
    assert np.linalg.norm(found.positions - liquid.positions, axis=1).max() < 2
    assert found.energies.sum() == pytest.approx(
        kob_andersen.evaluate(found.positions, liquid.types, liquid.box).energy, rel=1e-12
    )


@pytest.mark.physics
def test_unwrapped_configuration_gives_the_same_structure_elsewhere(liquid, found, device):
    away = liquid.positions + liquid.box * np.random.default_rng(0).integers(-3, 4, liquid.positions.shape)
    other = inherent_structure(dataclasses.replace(liquid, positions=away), device)
    # Rounding of the wrapped start may be amplified on the way down; the shift by whole boxes is exact.
    np.testing.assert_allclose(other.positions - away, found.positions - liquid.positions, atol=0.01)


@pytest.mark.physics
@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2])
def test_public_configurations_lie_where_they_are_known_to(reference, device, number):
    """T = 0.44, N = 4096: inherent structures at -7.66 to -7.68.

    The energy is that of the double-precision minimum; twice the default tolerance leaves up to 2e-4 more, as these
    minima are flat.
    """
    start = configuration.read(reference / "botan" / f"isoconfig_N4096T0.44_{number}_tc07.npz")
    name = f"public configuration {number}"
    began = time.process_time()
    rough = inherent_structure(start, device, tolerance=2 * TOLERANCE).energies.mean()
    middle = time.process_time()
    found = inherent_structure(start, device)
    seconds = middle - began, time.process_time() - middle
    below, _ = bottom_of(start, found)
    ours = found.energies.mean()
    row(f"U/N of the inherent structure, {name}", "-7.66 to -7.68", ours, ours - below)
    row(f"U/N above the double-precision minimum, {name}", "< 1e-4", ours - below, 0)
    row(f"the same, tolerance 0.01, {name}", "", rough - below, 0)
    row("CPU seconds for 4096 particles, tolerance 0.01", "", seconds[0], 0)
    row("CPU seconds for 4096 particles, tolerance 0.005", "", seconds[1], 0)
    assert -7.68 < ours < -7.66
    assert -1e-6 < ours - below < 1e-4


def test_overlap_is_refused(liquid, device):
    moved = liquid.positions.copy()
    moved[0] = moved[1]
    with pytest.raises(InputError, match="overlap"):
        inherent_structure(dataclasses.replace(liquid, positions=moved), device)
