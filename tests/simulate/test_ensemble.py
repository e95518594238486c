"""Isoconfigurational runs: independence, exact times, supercells, several at once."""

import numpy as np
import pytest

from simulate.isoconfigurational import sampling_times
from simulate.liquid import ensemble, kob_andersen
from simulate.liquid.configuration import Configuration
from simulate.liquid.dynamics import Dynamics, Engine
from simulate.stage.command import InputError

TIMES = np.array([0.1, 0.3005])


def runs(liquid, device, n_runs, *, at_once=1, edge=1, integrator="nve", seed=1, save=None, saved=None, interval=40):
    system = ensemble.supercell(liquid, edge)
    engines = [Engine(system.types, system.box, Dynamics(integrator, 1.0), device, interval) for _ in range(at_once)]
    progress = ensemble.Progress.of(n_runs, len(TIMES), edge**3, len(liquid.types))
    if saved is not None:
        progress.restore(saved)
    mark = (lambda: None) if save is None else (lambda: save(progress.arrays()))
    ensemble.run(liquid, TIMES, engines, progress, seed, 0, save=mark)
    return progress.runs(n_runs)


def test_a_run_depends_on_its_number_only(liquid, device):
    three = runs(liquid, device, 3)
    assert three.shape == (2, 3, 216, 3)
    np.testing.assert_array_equal(runs(liquid, device, 2), three[:, :2])
    np.testing.assert_array_equal(runs(liquid, device, 3, at_once=2), three)
    assert np.abs(runs(liquid, device, 1, seed=2) - three[:, :1]).max() > 0.05


@pytest.mark.parametrize("at_once", [1, 2])
def test_killed_ensemble_goes_on_to_the_same_bits(liquid, device, at_once):
    class Killed(Exception):
        pass

    snapshots = []

    def save(arrays):
        snapshots.append({name: np.array(array) for name, array in arrays.items()})
        if len(snapshots) == 4:
            raise Killed

    with pytest.raises(Killed):
        runs(liquid, device, 3, at_once=at_once, save=save)
    assert snapshots[-1]["step"].max() > 0
    np.testing.assert_array_equal(runs(liquid, device, 3, saved=snapshots[3]), runs(liquid, device, 3))


def test_runs_shorter_than_the_restart_interval_are_kept(liquid, device):
    """The state is saved at the end of every run, too: going on from there repeats only what was under way."""
    snapshots = []
    whole = runs(liquid, device, 2, interval=1000, save=lambda arrays: snapshots.append(arrays["recorded"].tolist()))
    assert snapshots == [[2, 0], [2, 2]]
    np.testing.assert_array_equal(runs(liquid, device, 2, interval=1000), whole)


@pytest.mark.physics
def test_langevin_runs_leave_the_centre_of_mass(liquid, device):
    displacement = runs(liquid, device, 1, integrator="langevin") - liquid.positions
    assert np.abs(displacement.mean(axis=2)).max() < 1e-5


@pytest.mark.physics
def test_supercell_is_the_same_liquid(liquid):
    whole = ensemble.supercell(liquid, 2)
    one = kob_andersen.evaluate(liquid.positions, liquid.types, liquid.box)
    eight = kob_andersen.evaluate(whole.positions, whole.types, whole.box)
    assert eight.energy == pytest.approx(8 * one.energy, rel=1e-12)
    np.testing.assert_allclose(eight.forces, np.tile(one.forces, (8, 1)), atol=1e-9)


@pytest.mark.physics
def test_supercell_images_are_runs_of_their_own(liquid, device):
    """At t = 0.1, before the images' surroundings differ, propensities agree with those of separate runs."""
    images = np.linalg.norm(runs(liquid, device, 8, edge=2) - liquid.positions, axis=-1)
    separate = np.linalg.norm(runs(liquid, device, 8, seed=3) - liquid.positions, axis=-1)
    for found in (images[0], separate[0]):
        halves = np.corrcoef(found[::2].mean(axis=0), found[1::2].mean(axis=0))[0, 1]
        assert halves < 0.95
    # Deviations of two images from the mean are uncorrelated but for the mean itself: -1/7 each. 28 pairs, N = 216.
    deviations = np.corrcoef(images[0] - images[0].mean(axis=0))
    assert deviations[~np.eye(8, dtype=bool)].mean() == pytest.approx(-1 / 7, abs=0.03)
    # 8 runs, 216 particles: the mean displacement is known to 0.042 / sqrt(8 x 216), a hundredth of itself.
    assert images[0].mean() == pytest.approx(separate[0].mean(), rel=0.05)


def test_times_are_split_into_whole_steps_and_a_rest():
    steps, rests = ensemble.time_grid(np.array([0.003, 0.13, 0.3, 57882.6]), 0.003)
    np.testing.assert_array_equal(steps, [1, 43, 100, 19294200])
    np.testing.assert_allclose(rests, [0, 0.001, 0, 0], atol=1e-9)


@pytest.mark.parametrize("times", [[0.2, 0.1], [0.1, 0.1], [float("nan")]])
def test_times_that_do_not_increase_are_refused(times):
    with pytest.raises(InputError, match=r"--times: .* expected increasing positive times"):
        sampling_times(times, None)


def test_trial_keeps_no_more_engines_than_runs(liquid, device):
    def make():
        return Engine(liquid.types, liquid.box, Dynamics("nve", 1.0), device)

    assert 1 <= len(ensemble.engines_by_trial(make, liquid, most=2, seconds=0.1)) <= 2


def test_trial_takes_a_hundredth_of_the_work_at_most(liquid, device, monkeypatch):
    tried = []
    monkeypatch.setattr(ensemble, "throughput", lambda engines, start, seconds: tried.append(seconds) or 50.0)

    def make():
        return Engine(liquid.types, liquid.box, Dynamics("nve", 1.0), device)

    # 1000 steps at 50 a second are 20 s.
    ensemble.engines_by_trial(make, liquid, most=4, steps=1000)
    assert tried[1:] == pytest.approx([0.2, 0.2])
    tried.clear()
    ensemble.engines_by_trial(make, liquid, most=4, steps=10**9)
    assert tried[1:] == [3.0, 3.0]


def test_supercell_orders_image_by_image():
    one = Configuration(np.array([[0.5, 0, 0], [1, 1, 1]]), np.array([0, 1]), np.array([2.0, 3, 4]))
    whole = ensemble.supercell(one, 2)
    np.testing.assert_array_equal(whole.types, [0, 1] * 8)
    np.testing.assert_array_equal(whole.positions[2], [0.5, 0, 4])
    np.testing.assert_array_equal(whole.box, [4, 6, 8])
