"""The report of a run: one HTML file that needs nothing else, offline, on screen and on paper.

    python -m analysis.report --metrics results/metrics.csv --pearson FIGURE.svg --relaxation FIGURE.svg ... \
        --graphs results/T0.700/graphs.h5 --predictions MODEL/predictions.h5 --output results/report.html

Every FIGURE.svg is taken with the caption (.txt) and the table (.csv) that its command wrote beside it.
"""
# ruff: noqa: RUF001 - Greek letters and dashes belong into captions

import argparse
import base64
import json
import re
from html import escape
from pathlib import Path
from string import Template

from analysis.accounts import used
from analysis.figures import response, scores, style
from analysis.liquid import propensity_field as fields
from analysis.page import answer, view
from simulate.files import provenance, store
from simulate.stage import command, options
from simulate.stage.command import InputError

HERE = Path(__file__).parent / "page"
# Option and title of every section, in order.
SECTIONS = (
    ("relaxation", "From liquid to glass"),
    ("structure", "A structure that hardly changes"),
    ("graph", "What the network sees"),
    ("maps", "Propensity maps"),
    ("scatter", "Prediction against truth"),
    ("pearson", "Pearson correlation by time, beside ceiling and baselines"),
    ("response", "How far the network looks: shell response by time and temperature"),
    ("length", "Does the reach grow with time and on cooling?"),
    ("heterogeneity", "How uneven the propensity is, simulated and predicted"),
    ("transfer", "What a network knows of other temperatures and times"),
    ("curve", "Score against the number of configurations to train on"),
    ("training", "Training"),
)

SCORES = (
    "Every score on held-out configurations. T: temperature (ε/k<sub>B</sub>); t: time (τ). PCC: Pearson correlation "
    "of predicted and measured propensity, per configuration and then averaged (mean, ± its standard error over the "
    "test configurations) and of all test configurations pooled (all). Ceiling: the largest correlation that any "
    "predictor can reach with a propensity measured in n runs, for either. n train, n test: configurations. Bold: "
    "trained models."
)
PLANNED = (
    "What <code>snakemake plan</code> expected before the run, beside what the results that are there have taken, all "
    "attempts that ended in them together. GPU-hours: of one device; core-hours: of one core. Disk: results only."
)


def figure(path: Path) -> str:
    """Return one figure as HTML: the drawing inside the page, its caption, a link to its table.

    Raises InputError where the drawing, its caption or its table is missing.
    """
    for part in (path, path.with_suffix(".txt"), path.with_suffix(".csv")):
        if not part.is_file():
            raise InputError(f"{part}: no such file; expected beside {path.name}, as its figure's command writes it")
    caption = path.with_suffix(".txt").read_text().strip()
    return (
        f'<figure><img src="{_inline(path, "image/svg+xml")}" alt="{escape(caption[:200])}">'
        f"<figcaption>{typeset(caption)} {_download(path.with_suffix('.csv'))}</figcaption></figure>"
    )


def typeset(text: str) -> str:
    """Return text as HTML with the subscripts of the symbols we use: F_s, k_B, tau_alpha, Delta_rms."""
    return re.sub(r"\b(F|k|τ|Δ)_(s|B|α|rms)\b", r"<i>\1</i><sub>\2</sub>", escape(text))


def score_table(series: list[scores.Series]) -> str:
    """Return the scores as an HTML table; the rows of networks are marked."""
    header, rows = answer.rows(series)
    networks = {one.label for one in series if not one.is_baseline}
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "\n".join(
        f'<tr class="{"network" if row[2] in networks else "baseline"}">'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def made_by(paths: list[Path], configuration: Path | None) -> str:
    """Return what made the run: versions, commit and platform of this report and of every file in `paths`."""
    parts = [_definitions({"commit": provenance.commit(), **provenance.versions()})]
    if configuration is not None:
        parts.append(_details(f"Configuration ({configuration.name})", configuration.read_text()))
    for path in paths:
        with store.opened(path) as file:
            kind = str(file.attrs["kind"])
            settings, made = store.described(file)
        words = " · ".join(str(made[name]) for name in ("platform", "commit") if made.get(name))
        content = json.dumps({"settings": settings, "provenance": made}, indent=2, ensure_ascii=False)
        parts.append(_details(f"{kind}: {path}" + (f" ({words})" if words else ""), content))
    return "\n".join(parts)


def page(arguments: argparse.Namespace) -> str:
    """Return the whole page.

    Raises InputError where a file is missing or does not fit.
    """
    series = scores.read(arguments.metrics, arguments.species)
    columns = ("temperature", *response.COLUMNS)
    shells = [style.read_table(path.with_suffix(".csv"), columns) for path in arguments.response]
    sections = []
    for name, title in SECTIONS:
        content = [figure(path) for path in getattr(arguments, name)]
        if name == "pearson":
            # The figure itself opens the report.
            content = [
                score_table(series),
                f'<p class="caption">{SCORES} {_download(arguments.metrics)}</p>',
                *content[1:],
            ]
        if content:
            sections.append(f'<section id="{name}"><h2>{title}</h2>{"".join(content)}</section>')
    if arguments.plan is not None:
        hours = used.table(used.read(arguments.plan), used.used(arguments.results, arguments.benchmarks))
        caption = f'<p class="caption">{PLANNED} {_download(arguments.plan)}</p>'
        sections.append(f'<section id="costs"><h2>Planned against used</h2>{hours}{caption}</section>')
    return Template((HERE / "report.html").read_text()).substitute(
        answer=typeset(answer.paragraph(series, shells, arguments.species)),
        opening=figure(arguments.pearson[0]) if arguments.pearson else "",
        sections="\n".join(sections),
        view=_view(arguments),
        made_by=made_by(arguments.sources, arguments.configuration),
    )


def _view(arguments: argparse.Namespace) -> str:
    if arguments.graphs is None:
        return ""
    configuration = fields.read(arguments.graphs, arguments.predictions, arguments.sample, arguments.temperature)
    return Template((HERE / "view.html").read_text()).substitute(
        place=typeset(configuration.place),
        last=len(configuration.time) - 1,
        payload=view.payload(configuration),
        script=(HERE / "view.js").read_text(),
    )


def _inline(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _download(path: Path) -> str:
    return f'<a class="table" download="{escape(path.name)}" href="{_inline(path, "text/csv")}">Table (CSV)</a>'


def _definitions(items: dict) -> str:
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(str(v))}</dd>" for k, v in items.items()) + "</dl>"


def _details(title: str, content: str) -> str:
    return f"<details><summary>{escape(title)}</summary><pre>{escape(content)}</pre></details>"


def main() -> None:
    parser = options.Parser(prog="python -m analysis.report", description=__doc__.splitlines()[0])
    parser.add_argument("--metrics", type=Path, required=True, help="metrics.csv")
    parser.add_argument("--species", default="A", choices=("A", "B"), help="whose scores (A)")
    for name, title in SECTIONS:
        parser.add_argument(
            f"--{name}", type=Path, nargs="*", default=[], metavar="FIGURE.svg", help=f"section: {title}"
        )
    parser.add_argument("--graphs", type=Path, help="graphs.h5 of the configuration to turn around")
    parser.add_argument("--predictions", type=Path, nargs="*", default=[], help="predictions.h5 for it")
    parser.add_argument("--sample", help="name of that configuration, as s0000 (the first predicted)")
    parser.add_argument(
        "--temperature", type=options.positive, help="its temperature, where the graphs file does not carry it"
    )
    parser.add_argument("--sources", type=Path, nargs="*", default=[], help="files (.h5) whose making is listed")
    parser.add_argument("--configuration", type=Path, help="the configuration of the run (.yaml), printed as it is")
    parser.add_argument("--plan", type=Path, help="what `snakemake plan` wrote; with --results and --benchmarks")
    parser.add_argument("--results", type=Path, help="the run's folder, whose files say what they took")
    parser.add_argument("--benchmarks", type=Path, help="the folder of the jobs' times")
    parser.add_argument("--output", type=Path, required=True, help="the report (.html)")
    arguments = parser.parse_args()
    if (arguments.graphs is None) != (not arguments.predictions):
        raise InputError("--graphs and --predictions: expected both or neither")
    if arguments.plan is not None and None in (arguments.results, arguments.benchmarks):
        raise InputError("--plan: expected --results and --benchmarks beside it")
    for path in (arguments.metrics, arguments.configuration, arguments.plan):
        if path is not None and not path.is_file():
            raise InputError(f"{path}: no such file")
    content = page(arguments)
    with store.text(arguments.output) as file:
        file.write(content)
    print(f"{arguments.output}: {len(content) / 1e6:.1f} MB")


if __name__ == "__main__":
    command.run(main)
