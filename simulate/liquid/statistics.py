"""Statistics of propensities and of averages: displacements, noise and its ceiling, correlation, errors."""

import numpy as np

from simulate.stage import seeds

RESAMPLES = 200


def displacements(start: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return |r_i(t) - r_i(0)| of every run: `start` (N, 3), `targets` (R, N, 3) unwrapped -> (R, N), in sigma."""
    vectors = targets.astype(np.float64) - start
    return np.sqrt((vectors**2).sum(axis=-1))


def reliability(moved: np.ndarray) -> float:
    """Return the reliability of the run average of `moved` (R, N): true variance over measured variance.

    Two-way analysis of variance without replication, particles x runs:

        reliability = 1 - MS_residual / MS_particles

    (Hoyt, Psychometrika 6, 153 (1941)), which is Cronbach's alpha and the mean over all possible splits of the
    split-half coefficient (Cronbach, Psychometrika 16, 297 (1951)). Averaging 2r / (1 + r) over many random halves
    gives the same number but for terms of order 1/N; this form needs no seed and takes odd R. What a whole run has
    in common (a fast run) is not counted as noise, as no correlation over particles sees it; 1 - <standard_error^2> /
    variance, all that can be said where only averages over runs are kept, counts it and so lies a little lower.

    NaN for fewer than two particles or runs, or no variance between particles. Pure noise gives a number around 0,
    of either sign.
    """
    n_runs, n_particles = moved.shape
    if n_particles < 2 or n_runs < 2:
        return np.nan
    mean = moved.mean(axis=0)
    residual = moved - mean - moved.mean(axis=1, keepdims=True) + moved.mean()
    between = n_runs * mean.var(ddof=1)
    if between <= 1e-24 * moved.mean() ** 2:
        return np.nan
    return 1 - (residual**2).sum() / ((n_runs - 1) * (n_particles - 1)) / between


def ceiling(reliability: np.ndarray) -> np.ndarray:
    """Return the largest correlation any predictor can reach with the measured propensity: sqrt(reliability).

    (Spearman, Am. J. Psychol. 15, 72 (1904), correction for attenuation.) A negative reliability gives 0.
    """
    return np.sqrt(np.maximum(reliability, 0))


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Return Pearson's correlation of two arrays (N,); NaN where either does not vary."""
    if len(x) == 0:
        return np.nan
    x, y = x - x.mean(), y - y.mean()
    norm = np.sqrt((x**2).sum() * (y**2).sum())
    return float((x * y).sum() / norm) if norm > 0 else np.nan


def correlations(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation (B,) of two arrays (N,) whose entries count `weights` (B, N) times."""
    counts = weights.sum(axis=1)

    def covariance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return weights @ (x * y) / counts - (weights @ x) * (weights @ y) / counts**2

    # Around the mean of all: what is subtracted is small.
    x, y = (values - values.mean() if len(values) else values for values in (x, y))
    with np.errstate(invalid="ignore", divide="ignore"):
        return covariance(x, y) / np.sqrt(covariance(x, x) * covariance(y, y))


def standard_error(values: np.ndarray) -> np.ndarray:
    """Return the standard error of the mean over the first axis; NaN for fewer than two values."""
    if len(values) < 2:
        return np.full(values.shape[1:], np.nan)
    return values.std(axis=0, ddof=1) / np.sqrt(len(values))


def jackknife_error(left_out: np.ndarray) -> np.ndarray:
    """Return the jackknife standard error of an estimate, from the estimates (S, ...) with one of S parts left out.

    Error^2 = (S - 1) / S sum_s (x_s - <x_s>)^2 (Efron, SIAM 38 (1982)); NaN where some x_s is not defined.
    """
    return np.sqrt((len(left_out) - 1) * np.var(left_out, axis=0))


def susceptibility(means: np.ndarray, n_particles: int) -> np.ndarray:
    """Return N var(mean of a configuration), over configurations, from `means` (S, ...); NaN for S = 1.

    Of the overlap this is chi_4 between configurations; of particles that do not know of each other, the variance.
    """
    return n_particles * means.var(axis=0, ddof=1) if len(means) > 1 else np.full(means.shape[1:], np.nan)


def resamples(configuration: np.ndarray, n: int = RESAMPLES) -> np.ndarray:
    """Return how often each particle counts in `n` bootstrap samples, (n, P), the same ones in every call.

    `configuration` (P,) says where each particle is from: configurations are sampled with replacement, then the
    particles in each.
    """
    random = seeds.generator(0, "bootstrap")
    members = [np.flatnonzero(configuration == name) for name in np.unique(configuration)]
    counts = np.empty((n, len(configuration)), dtype=np.int64)
    for row in counts:
        sampled = random.integers(len(members), size=len(members))
        particles = np.concatenate([random.choice(members[index], len(members[index])) for index in sampled])
        row[:] = np.bincount(particles, minlength=len(configuration))
    return counts
