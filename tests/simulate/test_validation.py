"""Long comparisons with published numbers; `pytest -m "slow and physics" -s tests/simulate/test_validation.py`.

Each prints a row of docs/validation.md: quantity, reference, ours, standard error. The limits are four standard errors
of ours plus what the reference or the finite size leaves open.
"""

import functools

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from simulate import dynamics, ensemble, equilibrate, evidence, kob_andersen, seeds
from simulate.box import minimum_image
from simulate.configuration import Configuration
from simulate.dynamics import Dynamics, Engine

pytestmark = [pytest.mark.slow, pytest.mark.physics]
N = 1000
BLOCKS = 12
DURATION = {2.0: 40.0, 0.8: 80.0}
# RUMD, N = 4000 to 10,000: U/N (shifted) and P.
PUBLISHED = {2.0: (-4.6539, 19.318), 0.8: (-6.346, 7.601)}


def row(quantity, reference, ours, error):
    print(f"\n| {quantity} | {reference} | {ours:.4g} | {error:.2g} |", end="")


def mean_and_error(series) -> tuple[float, float]:
    """Mean and its standard error from block averages."""
    blocks = np.array([block.mean() for block in np.array_split(np.asarray(series), BLOCKS)])
    return float(blocks.mean()), float(blocks.std(ddof=1) / np.sqrt(BLOCKS))


def equilibrated(temperature, device, n=N, relaxation_times=12.0, sample=0) -> Configuration:
    stream = seeds.generator(17, "validation", temperature, sample)
    positions, types, box = equilibrate.start(n, kob_andersen.DENSITY, stream, device)
    held = round(relaxation_times * kob_andersen.expected_tau_alpha(temperature) / 0.005)
    protocol = equilibrate.Protocol(1000, 2000, 2000 + held, 2.5, temperature)
    engine = Engine(types, box, Dynamics("langevin", 2.5, 0.005, 1.0), device)
    found = equilibrate.equilibrate(positions, engine, protocol, equilibrate.Progress(), stream)
    return Configuration(found, types, box, temperature)


@pytest.fixture(scope="module")
def canonical(device):
    """A function of the temperature: configurations (F, N, 3) 0.25 time units apart, types, box, of a langevin run.

    Friction 5: a weaker bath lets the energy of the whole wander, and averages of U and P with it.
    """

    @functools.cache
    def run(temperature):
        start = equilibrated(temperature, device)
        engine = Engine(start.types, start.box, Dynamics("langevin", temperature, 0.005, 5.0), device)
        velocities = dynamics.maxwell_boltzmann(N, temperature, np.random.default_rng(1))
        engine.start(start.positions, velocities, 2)
        frames = []
        for step in range(50, round(DURATION[temperature] / 0.005), 50):
            engine.advance(step)
            frames.append(engine.positions())
        return np.array(frames), start.types, start.box

    return run


@pytest.mark.parametrize("temperature", [2.0, 0.8])
def test_energy_and_pressure(canonical, temperature):
    frames, types, box = canonical(temperature)
    evaluations = [kob_andersen.evaluate(frame, types, box) for frame in frames]
    energy, energy_error = mean_and_error([found.energy / N for found in evaluations])
    pressures = [1.2 * temperature + found.virial / (3 * np.prod(box)) for found in evaluations]
    pressure, pressure_error = mean_and_error(pressures)
    row(f"U/N (shifted), T = {temperature}", PUBLISHED[temperature][0], energy, energy_error)
    row(f"P, T = {temperature}", PUBLISHED[temperature][1], pressure, pressure_error)
    assert energy == pytest.approx(PUBLISHED[temperature][0], abs=4 * energy_error + 0.003)
    assert pressure == pytest.approx(PUBLISHED[temperature][1], abs=4 * pressure_error + 0.02)


@pytest.mark.parametrize(("kinds", "place", "height"), [((0, 0), 1.008, 2.80), ((0, 1), 0.844, 3.31)], ids=["AA", "AB"])
def test_first_peak_of_the_radial_distribution_function(canonical, kinds, place, height):
    frames, types, box = canonical(2.0)
    edges = np.linspace(0.7, 1.3, 61)
    members = [np.flatnonzero(types == kind) for kind in kinds]
    counts = np.zeros(60)
    for frame in frames:
        vectors = minimum_image(frame[members[0]][:, np.newaxis] - frame[members[1]], box)
        counts += np.histogram(np.sqrt((vectors**2).sum(axis=-1)), edges)[0]
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    density = len(members[1]) / np.prod(box)
    g = counts / (len(frames) * len(members[0]) * density * shells)
    middle = (edges[1:] + edges[:-1]) / 2
    near = slice(g.argmax() - 6, g.argmax() + 7)
    peak = np.polynomial.Polynomial.fit(middle[near], g[near], 5)
    fine = np.linspace(middle[near][0], middle[near][-1], 1000)
    found = fine[peak(fine).argmax()]
    row(f"first peak of g_{'AB'[kinds[0]]}{'AB'[kinds[1]]}, T = 2.0: r", place, found, 0.003)
    row("its height", height, peak(fine).max(), 0.02)
    # On public configurations at T = 0.44 this estimate lies 0.002 below the known places. The A-A peak is flat at
    # T = 2, and the bin width of the reference's histogram is not stated: ours is 1.02 in two independent runs.
    assert found == pytest.approx(place, abs=0.01)
    assert peak(fine).max() == pytest.approx(height, rel=0.02)


def test_diffusion_at_0_8(canonical, device):
    """D_A from the mean-squared displacement between 5 and 10 time units, where it is linear; NVE."""
    slopes = []
    for index in (0, 150, 300):
        frames, types, box = canonical(0.8)
        engine = Engine(types, box, Dynamics("nve", 0.8, 0.005), device)
        velocities = dynamics.maxwell_boltzmann(N, 0.8, np.random.default_rng(index))
        engine.start(frames[index], velocities, 1)
        track = []
        for step in range(200, 5001, 200):
            engine.advance(step)
            track.append(engine.positions()[types == 0])
        track = np.array(track)
        at = [((track[lag:] - track[:-lag]) ** 2).sum(axis=-1).mean() for lag in (5, 10)]
        slopes.append((at[1] - at[0]) / (6 * 5.0))
    ours, error = np.mean(slopes), np.std(slopes, ddof=1) / np.sqrt(3)
    row("D_A, T = 0.8", 5.44e-3, ours, error)
    # Periodic boxes slow diffusion by 2.84 k_B T / 6 pi eta L: some 3 % at N = 1000 against the reference's size.
    assert ours == pytest.approx(5.44e-3, rel=0.15)


def test_ratio_of_energy_histograms(device):
    """M. R. Shirts, J. Chem. Theory Comput. 9, 909 (2013): ln P(U; T2) / P(U; T1) is linear in U, slope 1/T1 - 1/T2."""
    temperatures, energies = (1.0, 1.06), []
    for temperature in temperatures:
        start = equilibrated(temperature, device, n=160)
        engine = Engine(start.types, start.box, Dynamics("langevin", temperature, 0.005, 1.0), device)
        engine.start(start.positions, dynamics.maxwell_boltzmann(160, temperature, np.random.default_rng(3)), 4)
        series = []
        for step in range(300, 300 * 250, 300):
            engine.advance(step)
            series.append(engine.energies()[0] * 160)
        energies.append(np.array(series))
    values, labels = np.concatenate(energies), np.repeat([0, 1], [len(series) for series in energies])

    def slope(values, labels):
        scaled = (values - values.mean()) / values.std()
        fitted = LogisticRegression(C=np.inf).fit(scaled[:, np.newaxis], labels)
        return fitted.coef_[0, 0] / values.std()

    generator = np.random.default_rng(5)
    draws = [generator.integers(0, len(values), len(values)) for _ in range(100)]
    error = np.std([slope(values[draw], labels[draw]) for draw in draws])
    expected, ours = 1 / temperatures[0] - 1 / temperatures[1], slope(values, labels)
    row("1/T1 - 1/T2 from energy histograms, T = 1.00 and 1.06", f"{expected:.4f}", ours, error)
    assert ours == pytest.approx(expected, abs=4 * error)
    assert error < expected / 4


def displacements(start, device, n_runs, seed, time_step=0.003):
    engine = Engine(start.types, start.box, Dynamics("nve", 0.7, time_step), device)
    times = np.array([0.5, 2.25])
    progress = ensemble.Progress.of(n_runs, 2, 1, len(start.types))
    ensemble.run(start, times, [engine], progress, seed, 0)
    found = np.linalg.norm(progress.runs(n_runs) - start.positions, axis=-1)
    return found[:, :, start.types == 0]


def split_half(runs) -> float:
    """Reliability of the mean over runs (R, N), Spearman-Brown, averaged over 50 random halvings."""
    generator, found = np.random.default_rng(0), []
    for _ in range(50):
        order = generator.permutation(len(runs))
        half = len(runs) // 2
        found.append(np.corrcoef(runs[order[:half]].mean(axis=0), runs[order[half : 2 * half]].mean(axis=0))[0, 1])
    return 2 * np.mean(found) / (1 + np.mean(found))


def test_independent_ensembles_agree_as_their_reliability_says(device):
    """Two ensembles of n runs correlate as R = 2r / (1 + r) says; half the time step makes no other ensemble."""
    start = equilibrated(0.7, device, n=512, relaxation_times=6)
    first, second = displacements(start, device, 16, 1), displacements(start, device, 16, 2)
    finer = displacements(start, device, 16, 3, time_step=0.0015)
    for moment, time in enumerate((0.5, 2.25)):
        expected = (split_half(first[moment]) + split_half(second[moment])) / 2
        for other, name in ((second, "another ensemble"), (finer, "half the time step")):
            found = np.corrcoef(first[moment].mean(axis=0), other[moment].mean(axis=0))[0, 1]
            # Fisher's error of a correlation of 410 particles, for both sides.
            error = np.sqrt(2) * (1 - found**2) / np.sqrt(410)
            row(f"correlation with {name}, T = 0.7, t = {time}, 16 runs", f"{expected:.3f}", found, error)
            assert found == pytest.approx(expected, abs=4 * error)
        noise = np.hypot(*(runs[moment].mean(axis=1).std(ddof=1) / 4 for runs in (first, finer)))
        assert finer[moment].mean() == pytest.approx(first[moment].mean(), abs=4 * noise)


def test_supercell_gives_the_same_propensities(device):
    """Images of a 2 x 2 x 2 supercell against separate runs, t = 0.5 and 2.25 at T = 0.7, 16 runs of each kind."""
    start = equilibrated(0.7, device, n=512, relaxation_times=6)
    system = ensemble.supercell(start, 2)
    engine = Engine(system.types, system.box, Dynamics("nve", 0.7), device)
    times = np.array([0.5, 2.25])
    progress = ensemble.Progress.of(16, 2, 8, 512)
    ensemble.run(start, times, [engine], progress, 9, 0)
    images = np.linalg.norm(progress.runs(16) - start.positions, axis=-1)[:, :, start.types == 0]
    separate = displacements(start, device, 16, 1)
    for moment, time in enumerate(times):
        expected = np.sqrt(split_half(images[moment]) * split_half(separate[moment]))
        found = np.corrcoef(images[moment].mean(axis=0), separate[moment].mean(axis=0))[0, 1]
        error = np.sqrt(2) * (1 - found**2) / np.sqrt(410)
        row(f"correlation of supercell with separate runs, T = 0.7, t = {time}", f"{expected:.3f}", found, error)
        assert found == pytest.approx(expected, abs=4 * error)
        longer = images[moment].mean() / separate[moment].mean()
        noise = np.hypot(
            *(runs[moment].mean(axis=1).std(ddof=1) / 4 / runs[moment].mean() for runs in (images, separate))
        )
        row(f"mean displacement, supercell / separate, T = 0.7, t = {time}", "1 to 1.1", longer, noise)
        # The small box's finite-size slowing is gone: up to a tenth longer, never shorter.
        assert -4 * noise < longer - 1 < 0.1 + 4 * noise


def test_long_nve_run_keeps_its_energy(device):
    start = equilibrated(0.7, device, n=512, relaxation_times=3)
    engine = Engine(start.types, start.box, Dynamics("nve", 0.7), device)
    engine.start(start.positions, dynamics.maxwell_boltzmann(512, 0.7, np.random.default_rng(1)), 1)
    totals, steps = [], range(500, 20_001, 500)
    for step in steps:
        engine.advance(step)
        totals.append(sum(engine.energies()))
    coefficients, covariance = np.polyfit(np.array(steps) * 0.003, totals, 1, cov=True)
    row("energy drift per particle and time unit, NVE, dt = 0.003", "0", coefficients[0], np.sqrt(covariance[0, 0]))
    assert abs(coefficients[0]) < 2e-5
    displacement = np.abs((engine.positions() - start.positions).mean(axis=0)).max()
    row("drift of the centre of mass in 60 time units", "0", displacement, 0)
    assert displacement < 1e-4


def test_relaxation_time_at_2_0(canonical, device):
    """F_s,A(k = 7.28) = 1/e at t = 0.35; NVE."""
    frames, types, box = canonical(2.0)
    engine = Engine(types, box, Dynamics("nve", 2.0), device)
    engine.start(frames[-1], dynamics.maxwell_boltzmann(N, 2.0, np.random.default_rng(6)), 1)
    track = []
    for step in range(0, 3001, 20):
        engine.advance(step)
        track.append(engine.positions()[types == 0])
    track = np.array(track)
    moved = [np.linalg.norm(track[lag:] - track[:-lag], axis=-1) for lag in range(1, 12)]
    values = [evidence.self_intermediate_scattering(lengths, 7.28) for lengths in moved]
    found = float(np.interp(-np.exp(-1), -np.array(values), 0.06 * np.arange(1, 12)))
    row("F_s,A(7.28) = 1/e at t, T = 2.0", 0.35, found, 0.01)
    # Given to two figures; 9 time units of 800 particles leave 2 %.
    assert found == pytest.approx(0.35, abs=0.025)
