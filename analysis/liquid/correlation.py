"""Time correlation functions of a liquid's trajectories: F_s(k, t), mean-squared displacement, overlap, chi_4."""

from dataclasses import dataclass

import numpy as np

from simulate.liquid.scattering import self_intermediate_scattering
from simulate.liquid.statistics import displacements, jackknife_error, standard_error, susceptibility

OVERLAP_DISTANCE = 0.3
# Lags closer than this factor are not both kept.
LAG_RATIO = 1.1


@dataclass
class Relaxation:
    """Averages over runs and time origins, A particles; K lags. Errors are standard errors over runs, NaN for one run.

    time (K,); F_s, overlap (K,) dimensionless; msd (K,) sigma^2; chi_4 (K,) with jackknife error over runs;
    tau_alpha in LJ time; diffusion in sigma^2 / time, NaN where the run is too short for it.
    """

    time: np.ndarray
    n_pairs: np.ndarray
    F_s: np.ndarray
    F_s_error: np.ndarray
    msd: np.ndarray
    msd_error: np.ndarray
    overlap: np.ndarray
    overlap_error: np.ndarray
    chi_4: np.ndarray
    chi_4_error: np.ndarray
    tau_alpha: float
    tau_alpha_error: float
    diffusion: float


def frame_pairs(time: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the lags to average at, (K,) increasing, and for each the frame pairs (P, 2) exactly that far apart.

    Frames may be stored in any pattern. Of lags within a factor LAG_RATIO of one another, the one that most pairs
    share is kept (the shorter of two equals).
    """
    first, second = np.triu_indices(len(time), 1)
    # A time step has at most five decimals.
    lag, member, count = np.unique(np.round(time[second] - time[first], 5), return_inverse=True, return_counts=True)
    order = np.lexsort((lag, -count))
    kept: list[int] = []
    free = lag > 0
    for index in order:
        if free[index]:
            kept.append(index)
            free &= (lag <= lag[index] / LAG_RATIO) | (lag >= lag[index] * LAG_RATIO)
    kept.sort()
    by_lag = np.split(np.argsort(member, kind="stable"), np.cumsum(count)[:-1])
    return lag[kept], [np.stack([first[by_lag[index]], second[by_lag[index]]], axis=1) for index in kept]


def overlap(distance: np.ndarray) -> np.ndarray:
    """Return Q(t), the fraction of the last axis of `distance` (..., N) with r < OVERLAP_DISTANCE.

    (Lacevic et al., J. Chem. Phys. 119, 7372 (2003).)
    """
    return (distance < OVERLAP_DISTANCE).mean(axis=-1)


def chi_4(overlaps: np.ndarray, n_particles: int) -> float:
    """Return chi_4 = N (<Q^2> - <Q>^2) from the overlaps (runs, origins) at one lag.

    N times the variance over the origins of a run (their number as divisor), averaged over the runs, plus the
    `susceptibility` between runs: together unbiased where origins are independent. Within one run NVE keeps the energy;
    samples of one temperature bring its fluctuations in. One run or few origins give too small a value.
    """
    within = n_particles * overlaps.var(axis=1).mean()
    return within + float(np.nan_to_num(susceptibility(overlaps.mean(axis=1), n_particles)))


def crossing(time: np.ndarray, correlation: np.ndarray, value: float) -> float:
    """Return when `correlation` (K,) first falls to `value`, linear in log t between lags; NaN where it does not.

    NaN too where it is below `value` from the first lag on.
    """
    below = np.flatnonzero(correlation <= value)
    if len(below) == 0 or below[0] == 0:
        return np.nan
    after = below[0]
    ends = slice(after - 1, after + 1)
    return float(np.exp(np.interp(-value, -correlation[ends], np.log(time[ends]))))


def estimated_tau_alpha(time: np.ndarray, correlation: np.ndarray) -> float:
    """Return a rough tau_alpha from a correlation (K,) that stays above 1/e.

    A stretched exponential through the last decade of lags, its exponent held between 0.5 and 1; where the plateau
    is not left yet this is a lower bound rather than an estimate.
    """
    late = time >= time[-1] / 10
    late &= (correlation > 0) & (correlation < 1)
    if not late.any():
        return float(10 * time[-1])
    logarithm = np.log(-np.log(correlation[late]))
    slope = np.polyfit(np.log(time[late]), logarithm, 1)[0] if late.sum() > 1 else 0.5
    return float(time[late][-1] * np.exp(-logarithm[-1] / np.clip(slope, 0.5, 1)))


def diffusion(time: np.ndarray, msd: np.ndarray) -> float:
    """Return D = (1/6) d msd / dt by least squares over the lags with msd >= 0.5 sigma^2, or NaN.

    NaN unless at least three such lags span a factor 1.5 in time.
    """
    far = msd >= 0.5
    if far.sum() < 3 or time[far].max() < 1.5 * time[far].min():
        return np.nan
    # Weighted by 1/msd: the relative, not the absolute, error is alike at all lags.
    return float(np.polyfit(time[far], msd[far], 1, w=1 / msd[far])[0] / 6)


def relax(time: np.ndarray, runs: list[np.ndarray]) -> Relaxation:
    """Return the relaxation of `runs`, each (F, N, 3) unwrapped positions of A particles at the times `time` (F,)."""
    lag, pairs = frame_pairs(time)
    scattering, msd = np.empty((2, len(runs), len(lag)))
    overlaps = [np.empty((len(runs), len(group))) for group in pairs]
    for run, positions in enumerate(runs):
        for index, group in enumerate(pairs):
            distances = (displacements(positions[start], positions[end]) for start, end in group)
            values = np.array([(self_intermediate_scattering(r), (r**2).mean(), overlap(r)) for r in distances])
            scattering[run, index], msd[run, index] = values[:, :2].mean(axis=0)
            overlaps[index][run] = values[:, 2]
    n_particles = runs[0].shape[1]
    fluctuation, fluctuation_error = np.transpose([_jackknifed_chi_4(group, n_particles) for group in overlaps])
    mean_overlap = np.stack([group.mean(axis=1) for group in overlaps], axis=1)
    return Relaxation(
        time=lag,
        n_pairs=np.array([len(group) for group in pairs]),
        F_s=scattering.mean(axis=0),
        F_s_error=standard_error(scattering),
        msd=msd.mean(axis=0),
        msd_error=standard_error(msd),
        overlap=mean_overlap.mean(axis=0),
        overlap_error=standard_error(mean_overlap),
        chi_4=fluctuation,
        chi_4_error=fluctuation_error,
        tau_alpha=crossing(lag, scattering.mean(axis=0), 1 / np.e),
        tau_alpha_error=_tau_alpha_error(lag, scattering),
        diffusion=diffusion(lag, msd.mean(axis=0)),
    )


def _tau_alpha_error(lag: np.ndarray, scattering: np.ndarray) -> float:
    if len(scattering) < 2:
        return np.nan
    left_out = [np.delete(scattering, run, axis=0).mean(axis=0) for run in range(len(scattering))]
    return float(jackknife_error(np.array([crossing(lag, rest, 1 / np.e) for rest in left_out])))


def _jackknifed_chi_4(overlaps: np.ndarray, n_particles: int) -> tuple[float, float]:
    if len(overlaps) < 3:
        # Two runs leave one each, whose spread says nothing about the variance between runs.
        return chi_4(overlaps, n_particles), np.nan
    left_out = [chi_4(np.delete(overlaps, run, axis=0), n_particles) for run in range(len(overlaps))]
    return chi_4(overlaps, n_particles), float(jackknife_error(np.array(left_out)))
