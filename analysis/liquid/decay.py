"""The length over which something decays: a fitted exponential."""

from typing import NamedTuple

import numpy as np


class Decay(NamedTuple):
    """A fitted decay length, the points it was fitted to, and their distance from it. NaN where nothing decays."""

    length: float
    fit_from: float
    fit_to: float
    n_points: int
    misfit: float


def decay(x: np.ndarray, values: np.ndarray, chosen: np.ndarray) -> Decay:
    """Return xi of values = c exp(-x / xi), by least squares of log(values) (S,) on `x` over the `chosen` points (S,).

    Two points at least; infinite if the values do not fall.
    """
    chosen = chosen & (values > 0)
    if chosen.sum() < 2:
        return Decay(np.nan, np.nan, np.nan, int(chosen.sum()), np.nan)
    x, y = x[chosen], np.log(values[chosen])
    slope, offset = np.polyfit(x, y, 1)
    misfit = float(np.sqrt(((y - slope * x - offset) ** 2).mean()))
    return Decay(-1 / slope if slope < 0 else np.inf, x.min(), x.max(), len(x), misfit)
