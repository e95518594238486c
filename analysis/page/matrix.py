"""The scores of one temperature as a table for the report: models by times, the ceiling on top, the best in bold."""

from html import escape

import numpy as np

from analysis.figures import scores, style


def of(temperature: float, group: list[scores.Series]) -> str:
    """Return the table of one temperature as HTML: PCC mean of every model that stands in the figure, at every time."""
    rows = scores.shown(group)
    times = np.unique(np.concatenate([one.time for one in rows]))
    best = {time: max((_at(one, time) for one in rows if time in one.time), default=np.nan) for time in times}
    ceiling = {time: next(one for one in rows if time in one.time) for time in times}
    head = "".join(f"<th>t = {style.number(time)}</th>" for time in times)
    tops = [_number(_at(ceiling[time], time, "ceiling_mean")) for time in times]
    lines = [_line("ceiling", "noise ceiling", [f"<td>{top}</td>" for top in tops])]
    for one in rows:
        cells = [_cell(one, time, best[time]) if time in one.time else "<td>–</td>" for time in times]
        label = f"{one.label} ({one.given})" if one.given else one.label
        lines.append(_line("baseline" if one.is_baseline else "network", label, cells))
    return (
        f'<div class="wide"><table><caption>T = {style.number(temperature)}</caption><thead><tr><th></th>{head}</tr>'
        f"</thead><tbody>\n{chr(10).join(lines)}\n</tbody></table></div>"
    )


def _at(one: scores.Series, time: float, name: str = "pcc_mean") -> float:
    return float(getattr(one, name)[np.flatnonzero(one.time == time)[0]])


def _cell(one: scores.Series, time: float, best: float) -> str:
    value, shown = _at(one, time), _number(_at(one, time))
    error, pooled = (_number(_at(one, time, name)) for name in ("error", "pcc_all"))
    about = f"± {error}; all pooled: {pooled}; {one.n_train or '–'} to train on, {one.n_test} to test"
    return f'<td title="{about}">{f"<b>{shown}</b>" if value == best else shown}</td>'


def _number(value: float) -> str:
    return f"{value:.3f}".replace("-", "−") if np.isfinite(value) else "–"


def _line(kind: str, label: str, cells: list[str]) -> str:
    return f'<tr class="{kind}"><td>{escape(label)}</td>{"".join(cells)}</tr>'
