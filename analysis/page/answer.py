"""The answer of a run in one paragraph, and its scores in one table: every number from metrics.csv and the shells."""
# ruff: noqa: RUF001 - Greek letters and dashes belong into captions

from collections.abc import Callable

import numpy as np

from analysis.figures import scores, style

# How much of the full prediction must be left for a shell to suffice.
ENOUGH = 0.95


def paragraph(series: list[scores.Series], shells: list[dict[str, np.ndarray]], species: str) -> str:
    """Return the answer as plain text: the best network against ceiling and baselines, and how many shells it needs.

    `series` as `scores.read` gives them; `shells` tables with the columns of `analysis.figures.response`.
    """
    _, group = next(scores.by_temperature(series))
    networks = [one for one in series if not one.is_baseline]
    if not networks:
        return "No network was scored; the table below holds the baselines."
    cold = [one for one in group if not one.is_baseline] or networks
    best = max(cold, key=lambda one: one.pcc_mean.mean())
    sentences = [
        f"At T = {style.number(best.temperature)}, in {best.n_test} configurations that the {best.label} never saw, "
        f"the propensity of the {species} particles that it predicts from their positions alone correlates with the "
        f"simulation at {_ends(best, _score)}; the ceiling is what the noise of n = {_shown(best.n_runs)} runs leaves "
        "to any predictor."
    ]
    sentences += _against_baselines(best, [one for one in group if one.is_baseline])
    sentences += _on_heating(best, series)
    sentences += [sentence for table in shells for sentence in _reach(table)]
    return " ".join(sentences)


def rows(series: list[scores.Series]) -> tuple[list[str], list[list[str]]]:
    """Return the table of scores as (header, rows) of text: one row per temperature, time and model."""
    header = ["T", "t", "model", "PCC mean", "±", "PCC all", "ceiling (mean)", "ceiling (all)", "PCC mean / ceiling"]
    header += ["n runs", "n train", "n test"]
    lines = []
    for _, group in scores.by_temperature(series):
        for time in np.unique(np.concatenate([one.time for one in group])):
            for one in group:
                for i in np.flatnonzero(one.time == time):
                    values = (one.pcc_mean[i], one.error[i], one.pcc_all[i], one.ceiling_mean[i], one.ceiling_all[i])
                    lines.append(
                        [style.number(one.temperature), style.number(time), one.label]
                        + [_digits(value) for value in (*values, one.pcc_mean[i] / one.ceiling_mean[i])]
                        + [_shown(one.n_runs), _shown(one.n_train), str(one.n_test)]
                    )
    return header, lines


def _ends(one: scores.Series, words: Callable[[scores.Series, int], str]) -> str:
    """Return `words` of a series at its first and last time."""
    return " and ".join(words(one, i) for i in sorted({0, len(one.time) - 1}))


def _score(one: scores.Series, i: int) -> str:
    error = f" ± {one.error[i]:.3f}" if np.isfinite(one.error[i]) else ""
    share = 100 * one.pcc_mean[i] / one.ceiling_mean[i]
    return (
        f"r = {one.pcc_mean[i]:.3f}{error} for t = {style.number(one.time[i])} τ ({share:.0f} % of the noise ceiling, "
        f"{one.ceiling_mean[i]:.3f})"
    )


def _against_baselines(best: scores.Series, baselines: list[scores.Series]) -> list[str]:
    """Say at how many times the network beats every static baseline, and what the best one reaches at both ends."""
    shared = [
        one
        for one in baselines
        if one.model != scores.DYNAMIC and len(one.time) == len(best.time) and np.allclose(one.time, best.time)
    ]
    if not shared:
        return []
    reached = np.array([one.pcc_mean for one in shared])
    wins = int((best.pcc_mean > reached.max(axis=0)).sum())

    def strongest(_: scores.Series, i: int) -> str:
        name = shared[int(reached[:, i].argmax())].label
        return f"{reached[:, i].max():.3f} for t = {style.number(best.time[i])} τ ({name})"

    return [
        f"It beats every static baseline at {wins} of {len(best.time)} time{'s' * (len(best.time) > 1)}; the best of "
        f"them reach {_ends(best, strongest)}."
    ]


def _on_heating(best: scores.Series, series: list[scores.Series]) -> list[str]:
    """Say what the same architecture reaches at the highest temperature."""
    hottest = max((one for one in series if one.model == best.model), key=lambda one: one.temperature)
    if hottest.temperature == best.temperature:
        return []
    return [f"At T = {style.number(hottest.temperature)} it reaches {_ends(hottest, _score)}."]


def _reach(table: dict[str, np.ndarray]) -> list[str]:
    """Say how many shells must be kept at the coldest temperature, for the first and last time."""
    coldest = table["temperature"].min()
    removal = (table["kind"] == "removal") & (table["temperature"] == coldest)
    removal &= np.isfinite(table["correlation_with_full"])
    times = np.unique(table["time"][removal])
    if not len(times):
        return []
    parts = [
        _kept(
            time, *(table[name][chosen] for name in ("shell", "correlation_with_full", "correlation_with_full_error"))
        )
        for time in times[sorted({0, len(times) - 1})]
        for chosen in [removal & ((table["time"] == time) | np.isnan(table["time"]))]
    ]
    return [f"How far does the graph network look? At T = {style.number(coldest)}, {'; '.join(parts)}."]


def _kept(time: float, shell: np.ndarray, correlation: np.ndarray, error: np.ndarray) -> str:
    at = "" if np.isnan(time) else f" for t = {style.number(time)} τ"
    enough = shell[correlation >= ENOUGH]
    least = int(enough.min() if len(enough) else shell.max())
    of = int(np.flatnonzero(shell == least)[0])
    bar = f" ± {error[of]:.3f}" if np.isfinite(error[of]) else ""
    words = "keeping" if len(enough) else "keeping even"
    plural = "" if least == 1 else "s"
    return (
        f"{words} {least} shell{plural} of neighbours leaves a correlation of {correlation[of]:.3f}{bar} with the full "
        f"prediction{at}"
    )


def _digits(value: float) -> str:
    return f"{value:.3f}".replace("-", "−") if np.isfinite(value) else "–"


def _shown(count: int | None) -> str:
    return "–" if count is None else str(count)
