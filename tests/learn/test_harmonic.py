import numpy as np
import pytest

from learn.models.linear import harmonic
from simulate.liquid import kob_andersen
from simulate.stage.command import InputError


def hessian(positions, types, box):
    """The whole Hessian (3N, 3N), put together from its blocks."""
    rows, columns, blocks = harmonic.hessian_blocks(positions, types, box)
    whole = np.zeros((len(types), len(types), 3, 3))
    whole[rows, columns] = blocks
    return whole.transpose(0, 2, 1, 3).reshape(3 * len(types), 3 * len(types))


def test_the_hessian_is_the_derivative_of_the_force(glass):
    _, types, box, place = glass(0)
    found = hessian(place, types, box)
    step = 1e-5
    for particle, axis in [(0, 0), (57, 1), (211, 2)]:
        shift = np.zeros_like(place)
        shift[particle, axis] = step
        forces = [kob_andersen.evaluate(place + sign * shift, types, box).forces for sign in (1, -1)]
        expected = -(forces[0] - forces[1]).ravel() / (2 * step)
        # Central differences of stiff forces: third derivatives of some 1e5 times step^2.
        np.testing.assert_allclose(found[:, 3 * particle + axis], expected, atol=1e-3)


def test_moving_all_particles_costs_nothing(glass):
    _, types, box, place = glass(1)
    together = np.tile(np.eye(3), (len(types), 1))
    np.testing.assert_allclose(hessian(place, types, box) @ together, 0, atol=1e-9)


def test_with_nothing_held_fixed_compliance_is_the_inverse_hessian(glass):
    _, types, box, place = glass(2)
    whole = hessian(place, types, box) + harmonic.REGULARISATION * np.eye(3 * len(types))
    expected = np.diag(np.linalg.inv(whole)).reshape(-1, 3).sum(axis=1)
    found = harmonic.compliance(place, types, box, radius=box.max() * 3**0.5)
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_particles_give_way_more_the_more_may_move(glass):
    _, types, box, place = glass(2)
    # Principal blocks of a positive matrix: the inverse of the larger block has the larger diagonal.
    tight, wide = (harmonic.compliance(place, types, box, radius) for radius in (1.5, 2.2))
    assert (wide >= tight * (1 - 1e-9)).all()


def test_no_minimum_is_refused(glass):
    positions, types, box, _ = glass(0)
    with pytest.raises(InputError, match="not at a minimum"):
        harmonic.compliance(positions + np.random.default_rng(0).normal(scale=0.15, size=positions.shape), types, box)
