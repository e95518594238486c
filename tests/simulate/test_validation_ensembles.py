"""Long comparisons of isoconfigurational ensembles with each other; `make validate` runs them.

N = 512, T = 0.7, 16 runs of each kind; every row is printed as in tests/simulate/test_validation.py.
"""

import numpy as np
import pytest

from benchmarks.speed.simulate_supercell import between_runs
from simulate.liquid import dynamics
from simulate.liquid.dynamics import Dynamics, Engine
from tests.simulate.validation import displacements, equilibrated, row

pytestmark = [pytest.mark.slow, pytest.mark.physics]
TIMES = (0.5, 2.25)


def split_half(runs) -> float:
    """Reliability of the mean over runs (R, N), Spearman-Brown, averaged over 50 random halvings."""
    generator, found = np.random.default_rng(0), []
    for _ in range(50):
        order = generator.permutation(len(runs))
        half = len(runs) // 2
        found.append(np.corrcoef(runs[order[:half]].mean(axis=0), runs[order[half : 2 * half]].mean(axis=0))[0, 1])
    return 2 * np.mean(found) / (1 + np.mean(found))


def agree(name, expected, one, other):
    """Two ensembles (R, n) correlate as `expected`, to four of Fisher's errors of a correlation, for both sides."""
    found = np.corrcoef(one.mean(axis=0), other.mean(axis=0))[0, 1]
    error = np.sqrt(2) * (1 - found**2) / np.sqrt(one.shape[1])
    row(name, f"{expected:.3f}", found, error)
    assert found == pytest.approx(expected, abs=4 * error)


def ratio_of_means(one, other) -> tuple[float, float]:
    """Ratio of mean displacements (R, n), and its standard error from the spread over runs."""
    parts = [runs.mean(axis=1).std(ddof=1) / np.sqrt(len(runs)) / runs.mean() for runs in (one, other)]
    return one.mean() / other.mean(), np.hypot(*parts)


def test_independent_ensembles_agree_as_their_reliability_says():
    """Two ensembles of n runs correlate as R = 2r / (1 + r) says; half the time step makes no other ensemble."""
    first, second, finer = displacements(16, 1), displacements(16, 2), displacements(16, 3, time_step=0.0015)
    for moment, time in enumerate(TIMES):
        expected = (split_half(first[moment]) + split_half(second[moment])) / 2
        agree(f"correlation with another ensemble, T = 0.7, t = {time}", expected, first[moment], second[moment])
        agree(f"correlation with half the time step, T = 0.7, t = {time}", expected, first[moment], finer[moment])
        ratio, error = ratio_of_means(finer[moment], first[moment])
        row(f"mean displacement, half the time step / default, T = 0.7, t = {time}", 1, ratio, error)
        assert ratio == pytest.approx(1, abs=4 * error)


def test_supercell_gives_the_same_propensities():
    """Images of 2 x 2 x 2 supercells against separate runs."""
    images, separate = displacements(16, 9, edge=2), displacements(16, 1)
    for moment, time in enumerate(TIMES):
        expected = np.sqrt(split_half(images[moment]) * split_half(separate[moment]))
        name = f"correlation of supercell and separate runs, T = 0.7, t = {time}"
        agree(name, expected, images[moment], separate[moment])
        ratio, error = ratio_of_means(images[moment], separate[moment])
        row(f"mean displacement, supercell / separate, T = 0.7, t = {time}", "1 to 1.1", ratio, error)
        # The small box's finite-size slowing is gone: up to a tenth longer, never shorter.
        assert -4 * error < ratio - 1 < 0.1 + 4 * error


def test_supercells_are_allowed_from_the_size_on_at_which_they_change_nothing():
    """N = 4096, up to tau_alpha: mean displacements within 1 %, the pattern within noise (simulation.supercell)."""
    times = (0.5, 4.7)
    images, separate = (displacements(32, seed, edge=edge, n=4096, times=times) for seed, edge in ((9, 2), (1, 1)))
    for moment, time in enumerate(times):
        expected = np.sqrt(split_half(images[moment]) * split_half(separate[moment]))
        name = f"correlation of supercell and separate runs, N = 4096, T = 0.7, t = {time}"
        agree(name, expected, images[moment], separate[moment])
        ratio, error = ratio_of_means(images[moment], separate[moment])
        row(f"mean displacement, supercell / separate, N = 4096, T = 0.7, t = {time}", 1, ratio, error)
        # At N = 512 it is 1.067.
        assert ratio == pytest.approx(1, abs=0.01 + 2 * error)


def test_images_of_a_supercell_are_uncorrelated():
    """Two images of one supercell correlate over particles as images of different supercells do, not more."""
    for moment, time in enumerate(TIMES):
        moved, generator = displacements(16, 9, edge=2)[moment], np.random.default_rng(0)
        draws = [moved[:, generator.integers(0, moved.shape[1], moved.shape[1])] for _ in range(200)]
        error = np.std([np.subtract(*between_runs(draw, 8)) for draw in draws])
        same, other = between_runs(moved, 8)
        row(f"correlation of images in one supercell less that in two, T = 0.7, t = {time}", 0, same - other, error)
        assert same == pytest.approx(other, abs=4 * error)


def test_long_nve_run_keeps_its_energy(device):
    start = equilibrated(0.7, 512, 6.0)
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
