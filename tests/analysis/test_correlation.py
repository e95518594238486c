"""Correlation functions in limits that can be derived on paper."""

import numpy as np
import pytest

from analysis.liquid import correlation

LOGARITHMIC = 0.01 * 2.0 ** np.arange(8)


def frames(n_origins=5, spacing=2.0, offsets=LOGARITHMIC):
    """Frame times: offsets from several time origins."""
    origins = spacing * np.arange(n_origins)
    return np.unique(np.round(np.concatenate([origins, *(origins + offset for offset in offsets)]), 9))


def test_every_pair_of_a_lag_is_used():
    time = frames()
    lag, pairs = correlation.frame_pairs(time)
    for value in LOGARITHMIC:
        # The lag itself, or one near it that more pairs share.
        assert np.abs(np.log(lag / value)).min() <= np.log(1.1)
    for value, group in zip(lag, pairs, strict=True):
        np.testing.assert_allclose(time[group[:, 1]] - time[group[:, 0]], value, atol=1e-5)
        by_hand = sum(abs(b - a - value) < 1e-6 for i, a in enumerate(time) for b in time[i + 1 :])
        assert len(group) == by_hand
    # 0.02 = 0.04 - 0.02 too: each of the five origins gives one pair more.
    assert len(pairs[int(np.flatnonzero(np.isclose(lag, 0.02))[0])]) == 10
    assert (lag[1:] / lag[:-1] >= 1.1).all()


def test_uniform_frames_average_over_all_origins():
    lag, pairs = correlation.frame_pairs(np.arange(11) * 0.3)
    assert lag[0] == pytest.approx(0.3)
    assert len(pairs[0]) == 10


def test_perfect_lattice_does_not_relax():
    grid = np.stack(np.meshgrid(*[np.arange(4.0)] * 3), axis=-1).reshape(-1, 3)
    found = correlation.relax(frames(), [np.tile(grid, (len(frames()), 1, 1))] * 2)
    assert (found.F_s == 1).all()
    assert (found.overlap == 1).all()
    assert (found.msd == 0).all()
    assert (found.chi_4 == 0).all()
    assert np.isnan(found.tau_alpha)
    assert np.isnan(found.diffusion)


def free_flight(temperature, n_particles, n_runs, seed=2):
    generator = np.random.default_rng(seed)
    time = frames()
    return time, [
        generator.uniform(0, 5, (n_particles, 3))
        + time[:, None, None] * np.sqrt(temperature) * generator.normal(size=(n_particles, 3))
        for _ in range(n_runs)
    ]


def test_free_particles():
    """Ideal gas: msd = 3 T t^2, F_s = exp(-k^2 T t^2 / 2), which is 1/e at sqrt(2 / T) / k; independent particles
    have chi_4 = Q (1 - Q)."""
    temperature = 0.7
    time, runs = free_flight(temperature, 1000, 20)
    found = correlation.relax(time, runs)
    # 3 x 20000 squared Gaussians: relative error sqrt(2 / 60000) = 0.6 %; four of these.
    np.testing.assert_allclose(found.msd, 3 * temperature * found.time**2, rtol=0.025)
    exact = np.exp(-(7.25**2) * temperature * found.time**2 / 2)
    np.testing.assert_allclose(found.F_s, exact, atol=0.01)
    # Frames are a factor 2 apart: interpolation in log t is good to a few percent there.
    assert found.tau_alpha == pytest.approx(np.sqrt(2 / temperature) / 7.25, rel=0.05)
    # All origins of a free flight are the same displacement: 20 values, a variance known to sqrt(2/20) = 32 %.
    middle = (found.overlap > 0.1) & (found.overlap < 0.9)
    assert middle.any()
    ratio = found.chi_4[middle] / (found.overlap * (1 - found.overlap))[middle]
    assert ((ratio > 0.3) & (ratio < 2.2)).all()


def test_chi_4_of_particles_that_move_together():
    """M rigid groups of independent particles: chi_4 is N/M times Q (1 - Q)."""
    generator = np.random.default_rng(3)
    n_groups, size, n_samples = 20, 50, 4000
    moved = generator.random((n_samples, n_groups)) < 0.4
    overlaps = np.repeat(~moved, size, axis=1).mean(axis=1)[:, None]
    # A variance from 4000 nearly Gaussian values: 2.2 % standard error; four of these.
    assert correlation.chi_4(overlaps, n_groups * size) == pytest.approx(size * 0.4 * 0.6, rel=0.09)


@pytest.mark.parametrize(("n_runs", "n_origins"), [(3, 1), (3, 4), (2, 10)])
def test_chi_4_is_right_on_average_for_few_runs(n_runs, n_origins):
    """Runs of their own level (variance 0.5), origins around it (variance 1): N (0.5 + 1) on average."""
    random, n_studies = np.random.default_rng(11), 4000
    found = [
        correlation.chi_4(
            random.normal(scale=np.sqrt(0.5), size=(n_runs, 1)) + random.normal(size=(n_runs, n_origins)), 10
        )
        for _ in range(n_studies)
    ]
    # Four standard errors of the mean.
    assert np.mean(found) == pytest.approx(15, abs=4 * np.std(found) / np.sqrt(n_studies))


def test_errors_match_the_scatter_between_repetitions():
    """The standard error over runs predicts how far two independent sets of runs differ."""
    deviations = []
    for seed in range(40):
        time, runs = free_flight(0.7, 30, 8, seed)
        found = correlation.relax(time[:9], [run[:9] for run in runs])
        deviations.append((found.msd - 3 * 0.7 * found.time**2)[-1] / found.msd_error[-1])
    # Student's t with 7 degrees of freedom has the deviation 1.18; from 40 values known to 0.15.
    assert 0.7 < np.std(deviations) < 1.7


def test_brownian_motion_diffuses():
    """Steps of variance 2 D dt per axis: diffusion D, and F_s = exp(-k^2 D t)."""
    d = 0.5
    generator = np.random.default_rng(4)
    time = np.arange(60) * 0.05
    runs = [
        np.concatenate([np.zeros((1, 400, 3)), generator.normal(0, np.sqrt(2 * d * 0.05), (59, 400, 3))]).cumsum(axis=0)
        for _ in range(4)
    ]
    found = correlation.relax(time, runs)
    # At the longest lags 4800 displacements: 2 % on msd; three of these.
    assert found.diffusion == pytest.approx(d, rel=0.06)


@pytest.mark.parametrize("exponent", [0.5, 0.8, 1.0])
def test_crossing_and_extrapolation_of_a_stretched_exponential(exponent):
    tau = 20.0
    time = 0.01 * 1.2 ** np.arange(60)
    correlation_function = np.exp(-((time / tau) ** exponent))
    # Linear in log t between points 20 % apart: the curvature costs less than 0.5 %.
    assert correlation.crossing(time, correlation_function, 1 / np.e) == pytest.approx(tau, rel=0.005)
    early = time < tau / 3
    assert correlation.estimated_tau_alpha(time[early], correlation_function[early]) == pytest.approx(tau, rel=1e-6)
    assert np.isnan(correlation.crossing(time[early], correlation_function[early], 1 / np.e))
