"""Reliability and noise ceiling of known distributions; what resampling does."""

import itertools

import numpy as np
import pytest

from simulate.liquid import statistics


def ensemble(n_runs=20, n_particles=4000, noise=1.0, seed=0):
    """Displacements mu_i + noise e_ri with var(mu) = 1 (R, N): reliability = 1 / (1 + noise^2 / R)."""
    generator = np.random.default_rng(seed)
    mu = generator.normal(10, 1, n_particles)
    return mu, mu + noise * generator.normal(size=(n_runs, n_particles))


def split_half(moved, n_splits, generator):
    """Spearman-Brown 2r / (1 + r) averaged over random halves."""
    values = []
    for _ in range(n_splits):
        order = generator.permutation(len(moved))
        halves = np.split(order, 2)
        r = np.corrcoef(moved[halves[0]].mean(axis=0), moved[halves[1]].mean(axis=0))[0, 1]
        values.append(2 * r / (1 + r))
    return np.mean(values)


@pytest.mark.parametrize(("n_runs", "noise"), [(2, 0.5), (5, 3.0), (30, 3.0)])
def test_reliability_of_a_known_distribution(n_runs, noise):
    _, moved = ensemble(n_runs, 20000, noise)
    expected = 1 / (1 + noise**2 / n_runs)
    # The F ratio of 20000 particles has a relative standard error of sqrt(2/N (1 + 1/(R-1))) <= 0.014; three of them.
    assert 1 - statistics.reliability(moved) == pytest.approx(1 - expected, rel=0.045)


def test_ceiling_is_the_correlation_with_the_true_propensity():
    mu, moved = ensemble(10, 20000, 2.0)
    measured = np.corrcoef(mu, moved.mean(axis=0))[0, 1]
    # Standard error of r at r = 0.85 and N = 20000 is 0.002.
    assert statistics.ceiling(statistics.reliability(moved)) == pytest.approx(measured, abs=0.007)


def test_reliability_is_the_mean_of_all_split_halves():
    """Cronbach's theorem: alpha is exactly the mean over every split of 2 (1 - (v1 + v2) / v)."""
    _, moved = ensemble(6, 50, 1.5)
    values = []
    for half in itertools.combinations(range(6), 3):
        rest = [run for run in range(6) if run not in half]
        first, second = moved[list(half)].sum(axis=0), moved[rest].sum(axis=0)
        values.append(2 * (1 - (first.var() + second.var()) / (first + second).var()))
    assert statistics.reliability(moved) == pytest.approx(np.mean(values), rel=1e-12)


def test_reliability_agrees_with_spearman_brown_over_random_halves():
    _, moved = ensemble(20, 2000, 3.0)
    expected = split_half(moved, 200, np.random.default_rng(1))
    # The two differ by the halves' unequal variances, of order 1/N.
    assert statistics.reliability(moved) == pytest.approx(expected, abs=0.002)


def test_a_fast_run_is_not_noise():
    _, moved = ensemble(8, 500)
    faster = moved + np.arange(8)[:, None]
    assert statistics.reliability(faster) == pytest.approx(statistics.reliability(moved), rel=1e-12)


def test_pure_noise_has_no_ceiling_and_identical_runs_have_a_perfect_one():
    generator = np.random.default_rng(2)
    noise = statistics.reliability(generator.normal(10, 1, (20, 5000)))
    # alpha of noise is 1 - 1/F, F with 4999 degrees of freedom: standard deviation 0.02.
    assert abs(noise) < 0.07
    assert statistics.ceiling(np.array(-0.01)) == 0
    same = np.tile(generator.normal(size=100), (5, 1))
    assert statistics.reliability(same) == pytest.approx(1, abs=1e-12)


def test_undefined_reliability_is_nan():
    assert np.isnan(statistics.reliability(np.ones((5, 1))))
    assert np.isnan(statistics.reliability(np.ones((1, 5))))
    assert np.isnan(statistics.reliability(np.full((5, 9), 0.3)))


def test_a_resample_holds_whole_configurations_on_average_once():
    configuration = np.repeat([3, 7, 9], [5, 10, 20])
    counts = statistics.resamples(configuration, 300)
    sampled = np.array(
        [counts[:, configuration == name].sum(axis=1) / (configuration == name).sum() for name in (3, 7, 9)]
    )
    # Whole configurations, three in all; each once on average (300 draws of variance 2/3: 5 %; four of these).
    assert (sampled == np.rint(sampled)).all()
    assert (sampled.sum(axis=0) == 3).all()
    np.testing.assert_allclose(sampled.mean(axis=1), 1, atol=0.2)


def test_susceptibility_of_independent_particles():
    """N var(mean) = var of one particle; particles moving in groups of 10: ten times that."""
    values = np.random.default_rng(4).gamma(4, 0.1, (4000, 50, 1))
    for size in (1, 10):
        together = np.repeat(values, size, axis=2).reshape(4000, -1)
        found = statistics.susceptibility(together.mean(axis=1), together.shape[1])
        # A variance from 4000 configurations: 2.2 %; four of these. Gamma(4) of scale 0.1: var = 0.04.
        assert found == pytest.approx(0.04 * size, rel=0.09)
    assert np.isnan(statistics.susceptibility(np.ones((1, 2)), 5)).all()
