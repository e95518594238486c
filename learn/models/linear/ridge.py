"""Ridge regression from sums over configurations: what it needs of each is a matrix of its inputs, not its particles.

scikit-learn's would take all particles at once, and again for every configuration left out and every penalty.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulate.stage.command import InputError

PENALTIES = 10.0 ** np.arange(-1, 5.1, 0.5)


@dataclass
class Statistics:
    """What ridge regression needs of one configuration and species; inputs and targets are centred.

    inputs (K, K) = X^T X, cross (K, M) = X^T y, squares (M,) = sum y^2, mean (M,) of the propensity, count: number of
    particles, level: mean inherent energy per particle of the configuration.
    """

    inputs: np.ndarray
    cross: np.ndarray
    squares: np.ndarray
    mean: np.ndarray
    count: int
    level: float


def statistics(features: np.ndarray, propensity: np.ndarray, chosen: np.ndarray, level: float) -> Statistics:
    """Return the statistics of the particles `chosen` (N,) from features (N, K) and propensity (M, N)."""
    x, y = features[chosen], propensity[:, chosen].T
    mean = y.mean(axis=0)
    y = y - mean
    return Statistics(x.T @ x, x.T @ y, (y**2).sum(axis=0), mean, len(x), level)


def scores(of: Statistics, weights: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation (M,) in one configuration of what weights (K, M) predict: exact, from sums."""
    variance = np.einsum("km,kl,lm->m", weights, of.inputs, weights)
    return (weights * of.cross).sum(axis=0) / np.sqrt(np.maximum(variance * of.squares, 1e-30))


def solve(parts: Sequence[Statistics], penalties: np.ndarray) -> np.ndarray:
    """Return ridge weights (penalties, K, M) in units of the raw inputs; the penalty acts on standardised inputs."""
    inputs, cross = sum(part.inputs for part in parts), sum(part.cross for part in parts)
    scale = np.sqrt(np.diag(inputs) / sum(part.count for part in parts))
    # An input that never varies, such as "is B" of A particles, has no say.
    inverse = np.where(scale > 1e-8, 1 / np.maximum(scale, 1e-8), 0)
    values, vectors = np.linalg.eigh(inverse[:, None] * inputs * inverse)
    projected = vectors.T @ (inverse[:, None] * cross)
    found = vectors @ (projected / (np.maximum(values, 0)[:, None] + penalties[:, None, None]))
    return inverse[:, None] * found


def ridge(parts: Sequence[Statistics]) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (K, M) and the penalty of each time (M,), chosen by leaving configurations out in turn.

    Raises InputError for fewer than two configurations.
    """
    if len(parts) < 2:
        raise InputError(f"{len(parts)} training configurations, expected at least 2")
    folds = [parts[first :: min(len(parts), 10)] for first in range(min(len(parts), 10))]
    table = []
    for fold in folds:
        out = {id(part) for part in fold}
        weights = solve([part for part in parts if id(part) not in out], PENALTIES)
        table += [[scores(part, each) for each in weights] for part in fold]
    best = np.mean(table, axis=0).argmax(axis=0)
    weights = solve(parts, PENALTIES)
    return np.stack([weights[b, :, time] for time, b in enumerate(best)], axis=1), PENALTIES[best]


def levels(parts: Sequence[Statistics]) -> tuple[np.ndarray, np.ndarray]:
    """Return intercept and slope (M,) of a configuration's mean propensity against its mean inherent energy.

    With fewer than four configurations the slope is 0.
    """
    level, mean = np.array([part.level for part in parts]), np.array([part.mean for part in parts])
    around = level - level.mean()
    slope = around @ mean / (around @ around) if len(parts) >= 4 else np.zeros(mean.shape[1])
    return mean.mean(axis=0) - slope * level.mean(), slope
