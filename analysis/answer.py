"""The answer of a run in one paragraph, and its scores in one table: every number from metrics.csv and the shells."""
# ruff: noqa: RUF001 - Greek letters and dashes belong into captions

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
        f"How much of a particle's future is written in where its neighbours sit now? At T = "
        f"{style.number(best.temperature)}, in {best.n_test} configurations that the {best.label} was not trained on, "
        f"its prediction of the propensity of the {species} particles correlates with the simulation at "
        f"{_score(best, 0)}" + (f", and at {_score(best, -1)}." if len(best.time) > 1 else ".")
    ]
    sentences += _against_baselines(best, [one for one in group if one.is_baseline])
    sentences += _on_heating(best, series)
    sentences += _reach(shells)
    sentences.append(f"The ceiling is what the noise of {best.n_runs} runs per configuration leaves to any predictor.")
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
                        + [str(one.n_runs), str(one.n_train), str(one.n_test)]
                    )
    return header, lines


def _score(one: scores.Series, i: int) -> str:
    error = f" ± {one.error[i]:.3f}" if np.isfinite(one.error[i]) else ""
    share = one.pcc_mean[i] / one.ceiling_mean[i]
    return (
        f"r = {one.pcc_mean[i]:.3f}{error} for t = {style.number(one.time[i])} τ (noise ceiling "
        f"{one.ceiling_mean[i]:.3f}: {100 * share:.0f} % of what can be known)"
    )


def _against_baselines(best: scores.Series, baselines: list[scores.Series]) -> list[str]:
    """Say at which times the network beats every baseline, and name the best baseline at the first and last time."""
    shared = [one for one in baselines if len(one.time) == len(best.time) and np.allclose(one.time, best.time)]
    if not shared:
        return []
    top = np.array([one.pcc_mean for one in shared])
    wins = int((best.pcc_mean > top.max(axis=0)).sum())
    named = " and ".join(
        f"{shared[int(top[:, i].argmax())].label} with {top[:, i].max():.3f} at t = {style.number(best.time[i])} τ"
        for i in sorted({0, len(best.time) - 1})
    )
    return [f"It is ahead of every baseline at {wins} of {len(best.time)} times; the best of these are {named}."]


def _on_heating(best: scores.Series, series: list[scores.Series]) -> list[str]:
    same = [one for one in series if one.model == best.model]
    hottest = max(same, key=lambda one: one.temperature)
    if hottest.temperature == best.temperature:
        return []
    ends = " and ".join(
        f"{hottest.pcc_mean[i]:.3f} for t = {style.number(hottest.time[i])} τ (ceiling {hottest.ceiling_mean[i]:.3f})"
        for i in sorted({0, len(hottest.time) - 1})
    )
    return [f"At T = {style.number(hottest.temperature)} it reaches {ends}."]


def _reach(shells: list[dict[str, np.ndarray]]) -> list[str]:
    """Say how many shells must be kept at the coldest temperature's first and last time."""
    sentences = []
    for table in shells:
        removal = (table["kind"] == "removal") & (table["temperature"] == table["temperature"].min())
        times = np.unique(table["time"][removal])
        parts = []
        for time in times[sorted({0, len(times) - 1})] if len(times) else []:
            chosen = removal & ((table["time"] == time) | np.isnan(table["time"]))
            parts.append(_kept(table["shell"][chosen], table["correlation_with_full"][chosen], time))
        if parts:
            sentences.append(
                f"How far does it look? At T = {style.number(table['temperature'].min())}, " + "; ".join(parts) + "."
            )
    return sentences


def _kept(shell: np.ndarray, correlation: np.ndarray, time: float) -> str:
    at = "" if np.isnan(time) else f" for t = {style.number(time)} τ"
    enough = shell[correlation >= ENOUGH]
    if len(enough):
        least = int(enough.min())
        return (
            f"keeping {least} shell{'s' if least > 1 else ''} of neighbours leaves a correlation of "
            f"{correlation[shell == least].mean():.3f} with the full prediction{at}"
        )
    most = int(shell.max())
    return (
        f"even {most} shells of neighbours leave a correlation of only {correlation[shell == most].mean():.3f} with "
        f"the full prediction{at}"
    )


def _digits(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "–"
