"""From scores at several ranges to two numbers: what a particle's own inputs reach, and how far one must look.

*Share*: the score at a range over the score at the longest. *Reach*, R_95: the smallest range whose share is .95,
interpolated linearly between ranges; 0 where range 0 has it. All scores belong to the same configurations, so errors
are those of paired differences: standard deviations over a bootstrap that samples configurations and, where there are
several, trainings (seeds).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulate.liquid.statistics import RESAMPLES
from simulate.stage import seeds

ATTAINED = 0.95

COLUMNS = (
    *("temperature", "time", "model", "seed", "species", "range", "range_sigma", "farthest_sigma"),
    *("pcc_mean", "pcc_mean_error", "share", "share_error", "n_train", "n_test"),
)
REACH = ("temperature", "time", "model", "species", "share_at_0", "share_at_0_error", "R_95", "R_95_error")


def beside(path: Path) -> Path:
    """Return the name of the second table."""
    return path.with_name(f"{path.stem}_reach.csv")


@dataclass
class Summary:
    """pcc_mean, share (R,) by range, share at range 0, reach (sigma); `_error`: their bootstrap errors."""

    pcc_mean: np.ndarray
    pcc_mean_error: np.ndarray
    share: np.ndarray
    share_error: np.ndarray
    reach: float
    reach_error: float


def summarise(scores: np.ndarray, ranges: np.ndarray) -> Summary:
    """Return the summary of scores (R, S, C) by range, seed and configuration; `ranges` (R,) increase, in sigma."""
    whole = _of(scores, ranges)
    random = seeds.generator(0, "reach")
    _, n_seeds, n = scores.shape
    resampled = []
    for _ in range(RESAMPLES):
        chosen = scores[:, random.integers(n_seeds, size=n_seeds)][:, :, random.integers(n, size=n)]
        resampled.append(_of(chosen, ranges))
    error = [np.std(values, axis=0, ddof=1) for values in zip(*resampled, strict=True)]
    (mean, share, reach), (mean_error, share_error, reach_error) = whole, error
    return Summary(mean, mean_error, share, share_error, float(reach), float(reach_error))


def _of(scores: np.ndarray, ranges: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    mean = scores.mean(axis=(1, 2))
    share = mean / mean[-1]
    return mean, share, reach(share, ranges)


def reach(share: np.ndarray, ranges: np.ndarray) -> float:
    """Return the smallest range (sigma) at which the share (R,) is ATTAINED, interpolated between `ranges` (R,)."""
    first = int(np.argmax(share >= ATTAINED))
    if first == 0:
        return 0.0
    below, above = share[first - 1], share[first]
    return float(ranges[first - 1] + (ATTAINED - below) / (above - below) * (ranges[first] - ranges[first - 1]))
