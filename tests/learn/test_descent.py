import numpy as np
import pytest

from learn.models.linear import descent
from simulate.liquid import kob_andersen, platform
from simulate.liquid.dynamics import Dynamics, Engine
from simulate.stage.command import InputError


def test_a_step_follows_the_force(glass):
    positions, types, box, _ = glass(0)
    start, after = descent.descend(positions, types, box, (0, descent.STEP))
    np.testing.assert_array_equal(start, positions)
    forces = kob_andersen.evaluate(positions, types, box).forces
    small = np.linalg.norm(forces, axis=1) * descent.STEP < descent.LONGEST_MOVE
    np.testing.assert_allclose(after[small], (positions + descent.STEP * forces)[small], atol=1e-12)
    assert np.linalg.norm(after - positions, axis=1).max() <= descent.LONGEST_MOVE * (1 + 1e-12)


def test_it_goes_down_towards_the_inherent_structure(glass):
    positions, types, box, place = glass(1)
    stages = [*descent.descend(positions, types, box, (0, 0.004, 0.02, 0.1)), place]
    energies = [kob_andersen.evaluate(stage, types, box).energy for stage in stages]
    assert (np.diff(energies) < 0).all()
    distances = [np.linalg.norm(stage - place) for stage in stages]
    assert (np.diff(distances) < 0).all()


def test_pairs_are_kept_up_to_date(glass):
    """Particles that fly far still feel whom they meet: the neighbour list is renewed."""
    positions, types, box, _ = glass(2)
    squeezed = positions.copy()
    squeezed[:, 0] *= 0.9
    found = descent.descend(squeezed, types, box, (0.02,))[0]
    now = squeezed.copy()
    for _ in range(round(0.02 / descent.STEP)):
        move = descent.STEP * kob_andersen.evaluate(now, types, box).forces
        now += move * np.minimum(1, descent.LONGEST_MOVE / np.linalg.norm(move, axis=1))[:, None]
    # The two sum the same forces in another order; stiff dynamics multiply rounding errors.
    np.testing.assert_allclose(found, now, atol=1e-6)


def test_released_particles_fall_by_half_their_force_times_t_squared(glass):
    positions, types, box, _ = glass(0)
    (place,), (mean,) = descent.release(positions, types, box, (descent.RELEASE_STEP,))
    fallen = kob_andersen.evaluate(positions, types, box).forces * descent.RELEASE_STEP**2 / 2
    np.testing.assert_allclose(place - positions, fallen, atol=1e-12)
    np.testing.assert_array_equal(mean, place)


def test_the_mean_until_a_time_is_that_of_all_steps(glass):
    positions, types, box, _ = glass(0)
    places, means = descent.release(positions, types, box, descent.RELEASE_STEP * np.arange(1, 21))
    np.testing.assert_allclose(means[-1], np.mean(places, axis=0), atol=1e-12)


def test_release_is_the_mean_of_runs_with_opposite_velocities_where_forces_are_linear(glass):
    """A thousandth of sigma from the minimum; what is left is of second order in that."""
    _, types, box, place = glass(0)
    random = np.random.default_rng(0)
    start = place + 1e-3 * random.normal(size=place.shape)
    velocities = 1e-3 * random.normal(size=place.shape)
    engine = Engine(types, box, Dynamics("nve", 1.0, descent.RELEASE_STEP), platform.choose("Reference"))
    ends = []
    for sign in (1, -1):
        engine.start(start, sign * velocities, 0)
        engine.advance(round(0.3 / descent.RELEASE_STEP))
        ends.append(engine.positions())
    (released,), _ = descent.release(start, types, box, (0.3,))
    moved = np.sqrt(((released - start) ** 2).mean())
    apart = np.sqrt(((np.mean(ends, axis=0) - released) ** 2).mean())
    assert np.sqrt(((ends[0] - released) ** 2).mean()) > 0.05 * moved
    assert apart < 0.02 * moved


def test_turning_commutes_with_descending(glass):
    positions, types, box, _ = glass(3)
    turned = descent.descend(positions[:, [1, 0, 2]] * [-1, 1, 1], types, box, (0.01,))[0]
    expected = descent.descend(positions, types, box, (0.01,))[0][:, [1, 0, 2]] * [-1, 1, 1]
    np.testing.assert_allclose(turned, expected, atol=1e-8)


def test_a_small_box_is_refused():
    with pytest.raises(InputError, match="two cutoffs"):
        descent.descend(np.zeros((1, 3)), np.zeros(1, dtype=int), np.full(3, 4.0), (0.1,))
