"""Conservation laws, the order of the integrator, velocities, blow-ups, and going on from a restart point."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from simulate.liquid import dynamics, kob_andersen
from simulate.liquid.dynamics import Dynamics, Engine
from simulate.stage.command import InputError


def engine_of(liquid, device, **how) -> Engine:
    settings = {"integrator": "nve", "temperature": 1.0, **how}
    return Engine(liquid.types, liquid.box, Dynamics(**settings), device, restart_interval=100)


def velocities(n=216, seed=5, temperature=1.0):
    return dynamics.maxwell_boltzmann(n, temperature, np.random.default_rng(seed))


@pytest.mark.physics
def test_velocities_follow_maxwell_boltzmann_without_drift():
    drawn = np.concatenate([velocities(seed=seed, temperature=0.5) for seed in range(50)])
    assert np.abs(velocities().mean(axis=0)).max() < 1e-15
    # Without the centre of mass a component's variance is T (N - 1) / N. A good generator fails once in 10^4 seeds.
    scale = np.sqrt(0.5 * 215 / 216)
    assert stats.kstest(drawn.ravel() / scale, "norm").pvalue > 1e-4


@pytest.mark.physics
def test_first_step_is_the_taylor_expansion(liquid, device):
    """x(dt) = x + v dt + F dt^2 / 2: the half-step start of the leapfrog is right."""
    engine, start = engine_of(liquid, device), velocities()
    engine.start(liquid.positions, start, 1)
    engine.advance(1)
    forces = kob_andersen.evaluate(liquid.positions, liquid.types, liquid.box).forces
    expected = liquid.positions + 0.003 * start + 0.5 * 0.003**2 * forces
    np.testing.assert_allclose(engine.positions(), expected, atol=1e-12)


@pytest.mark.physics
def test_nve_conserves_energy_and_momentum(liquid, device):
    engine = engine_of(liquid, device)
    engine.start(liquid.positions, velocities(), 1)
    totals = []
    for step in range(50, 2050, 50):
        engine.advance(step)
        totals.append(sum(engine.energies()))
    drift = np.polyfit(np.arange(50, 2050, 50) * 0.003, totals, 1)[0]
    # The energy fluctuates by the square of the time step; the fit's own error is below 2e-5 per time unit.
    assert abs(drift) < 5e-5
    displacement = engine.positions() - liquid.positions
    assert np.abs(displacement.mean(axis=0)).max() < 1e-10


@pytest.mark.physics
def test_energy_error_is_second_order_in_the_time_step(liquid, device):
    def spread(time_step):
        engine = engine_of(liquid, device, time_step=time_step)
        engine.start(liquid.positions, velocities(), 1)
        totals = []
        for step in range(1, 1 + round(0.6 / time_step), round(0.012 / time_step)):
            engine.advance(step)
            totals.append(sum(engine.energies()))
        return np.std(totals)

    # 4 for a second-order integrator, 2 for a first-order one.
    assert 3 < spread(0.006) / spread(0.003) < 5.5


@pytest.mark.physics
def test_positions_between_steps_lie_on_the_trajectory(liquid, device):
    """Against a run whose steps hit the time: nearer than the two trajectories are at their common times."""
    between, exact = engine_of(liquid, device), engine_of(liquid, device, time_step=0.002)
    for engine in (between, exact):
        engine.start(liquid.positions, velocities(), 1)
    between.advance(2), exact.advance(3)
    at_step = np.abs(between.positions() - exact.positions()).max()
    exact.advance(4)
    found = between.positions(ahead=0.002)
    assert np.abs(found - exact.positions()).max() < 3 * at_step
    # Without the velocity's and the force's share it would be off by far more.
    assert np.abs(between.positions() - exact.positions()).max() > 100 * at_step


@pytest.mark.physics
@pytest.mark.parametrize("integrator", ["langevin", "nose-hoover"])
def test_thermostats_hold_the_temperature(liquid, device, integrator):
    engine = engine_of(liquid, device, integrator=integrator, time_step=0.005, friction=2.0)
    engine.start(liquid.positions, velocities(temperature=0.5), 1)
    engine.advance(300)
    kinetic = []
    for step in range(300, 1300, 20):
        engine.advance(step)
        kinetic.append(engine.energies()[1] / 1.5)
    # 648 degrees of freedom, 5 time units, correlated over about 0.3: one standard error is 0.015.
    assert np.mean(kinetic) == pytest.approx(1.0, abs=0.07)
    # The canonical spread sqrt(2 / 3N), which a rescaled or frozen kinetic energy would not have.
    assert np.std(kinetic) == pytest.approx(np.sqrt(2 / 648), rel=0.5)


@pytest.mark.parametrize("integrator", dynamics.INTEGRATORS)
def test_resumed_run_ends_with_the_same_bits(liquid, device, integrator):
    saved = {}

    def advance(engine):
        engine.advance(350, at_restart_point=lambda: saved.update({engine.step: engine.state()}))
        return engine.positions(ahead=0.001)

    whole = engine_of(liquid, device, integrator=integrator)
    whole.start(liquid.positions, velocities(), 7)
    expected = advance(whole)
    assert sorted(saved) == [100, 200, 300]
    for step in (100, 300):
        resumed = engine_of(liquid, device, integrator=integrator)
        resumed.resume(liquid.positions, 7, saved[step], step)
        np.testing.assert_array_equal(advance(resumed), expected)


def test_bath_is_drawn_anew_after_a_restart_point(liquid, device):
    """Two stretches must not repeat one another's random numbers: kicks of a free particle would add up."""
    gas = dataclasses.replace(liquid, positions=np.array([[1.0, 1, 1], [4, 4, 4]]), types=np.zeros(2, dtype=np.int8))
    engine = Engine(gas.types, np.full(3, 6.0), Dynamics("langevin", 1.0, 0.01, 5.0), device, restart_interval=20)
    engine.start(gas.positions, np.zeros((2, 3)), 3)
    kicks, before = [], np.zeros((2, 3))
    for step in range(20, 1220, 20):
        engine.advance(step)
        now = engine.positions() - gas.positions
        kicks.append(now - before)
        before = now
    kicks = np.array(kicks).reshape(60, 6)
    repeated = np.corrcoef(kicks[10:])
    # Equal random numbers would make stretches agree to 0.9; six numbers of independent ones scatter around 0.
    assert np.abs(repeated[~np.eye(50, dtype=bool)].mean()) < 0.15


def test_blow_up_names_step_and_temperature(liquid, device):
    engine = engine_of(liquid, device, time_step=0.05)
    engine.start(liquid.positions, velocities(), 1)
    with pytest.raises(InputError, match=r"blew up at step \d+ .* at temperature 1.0: .*time-step"):
        engine.advance(5000)


def test_overlapping_start_is_refused(liquid, device):
    moved = liquid.positions.copy()
    moved[3] = moved[4] + 0.05
    with pytest.raises(InputError, match="particles 3 and 4 overlap"):
        engine_of(liquid, device).start(moved, velocities(), 1)


def test_unknown_integrator_is_refused(liquid, device):
    with pytest.raises(InputError, match="'euler', expected one of nve"):
        engine_of(liquid, device, integrator="euler")
