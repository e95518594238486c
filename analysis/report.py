"""The report of a run: one HTML file that needs nothing else, offline, on screen and on paper.

    python -m analysis.report --metrics results/metrics.csv --pearson FIGURE.svg --relaxation FIGURE.svg ... \
        --graphs results/T0.700/graphs.h5 --predictions MODEL/predictions.h5 --output results/report.html

Every FIGURE.svg is taken with the caption (.txt) and the table (.csv) that its command wrote beside it.
"""

import argparse
import base64
import json
import re
from html import escape
from pathlib import Path
from string import Template

import numpy as np

from analysis.figures import reach, scores, style
from analysis.liquid import propensity_field
from analysis.page import matrix, scene
from simulate.files import provenance, store
from simulate.stage import command, options
from simulate.stage.command import InputError

HERE = Path(__file__).parent / "page"
# Option and title of every section, in order.
SECTIONS = (
    ("reach", "How far must one look?"),
    ("pearson", "Pearson correlation by time, beside ceiling and baselines"),
    ("relaxation", "From liquid to glass"),
    ("structure", "A structure that hardly changes"),
    ("graph", "What the network sees"),
    ("maps", "Propensity maps"),
    ("scatter", "Prediction against truth"),
    ("response", "How far the network looks: shell response by time and temperature"),
    ("length", "Does the reach grow with time and on cooling?"),
    ("heterogeneity", "How uneven the propensity is, simulated and predicted"),
    ("transfer", "What a network knows of other temperatures and times"),
    ("curve", "Score against the number of configurations to train on"),
    ("training", "Training"),
)

SCORES = (
    "Pearson correlation of predicted and measured propensity of the {species} particles in each held-out "
    "configuration, averaged over them; bold: the best at that time; in brackets: what a model is given of a "
    "configuration. Noise ceiling: the largest correlation that any predictor can reach with a propensity measured in "
    "so many runs. Times t in τ, temperatures T in ε/k_B."
)


def figure(path: Path) -> str:
    """Return one figure as HTML: the drawing inside the page, its caption, a link to its table.

    Raises InputError where the drawing, its caption or its table is missing.
    """
    for part in (path, path.with_suffix(".txt"), path.with_suffix(".csv")):
        if not part.is_file():
            raise InputError(f"{part}: no such file; expected beside {path.name}, as its figure's command writes it")
    caption = path.with_suffix(".txt").read_text(encoding="utf-8").strip()
    return (
        f'<figure><img src="{_inline(path, "image/svg+xml")}" alt="{escape(caption[:200])}">'
        f"<figcaption>{typeset(caption)} {_download(path.with_suffix('.csv'))}</figcaption></figure>"
    )


def typeset(text: str) -> str:
    """Return text as HTML with the subscripts of the symbols we use: F_s, k_B, tau_alpha, Delta_rms, chi_4, p_i."""
    symbols = r"(?<![A-Za-z_])(F|k|τ|Δ|χ|p|r|g)_(s|B|α|rms|4|i|j|ab)\b"
    return re.sub(symbols, r"<i>\1</i><sub>\2</sub>", escape(text))


def sentence(series: list[scores.Series], species: str) -> str:
    """Return how well it can be foretold, in one sentence: the best model at the lowest temperature, two times."""
    networks = [one for one in series if not one.is_baseline]
    if not networks:
        return "No network was scored; the table below holds the baselines."
    coldest = min(one.temperature for one in networks)
    best = max((one for one in networks if one.temperature == coldest), key=lambda one: one.pcc_mean.mean())
    # The noise of published propensities may not be known, and so no ceiling.
    ceilings = [f" (ceiling {value:.2f})" if np.isfinite(value) else "" for value in best.ceiling_mean]
    ends = " and ".join(
        f"{best.pcc_mean[i]:.2f} at t = {style.number(best.time[i])} τ{ceilings[i]}"
        for i in sorted({0, len(best.time) - 1})
    )
    return (
        f"At T = {style.number(coldest)}, the {best.label} foretells the propensity of the {species} particles from "
        f"one configuration with a correlation of {ends}, in {best.n_test} configurations that it never saw."
    )


def reached(paths: list[Path]) -> str:
    """Return how far one must look, in one sentence, from the second tables of analysis.reach; '' for none."""
    summary = reach.read(paths, reach.SUMMARY)
    if not summary:
        return ""
    words = []
    for temperature, of in summary.items():
        (last,) = of[max(of)]
        words.append(
            f"{100 * last['share_at_0']:.0f} ± {100 * last['share_at_0_error']:.0f} % "
            f"at T = {style.number(temperature)} (t = {style.number(last['time'])} τ)"
        )
    view = f"{last['R_95']:.1f} ± {last['R_95_error']:.1f} σ"
    return (
        f"A particle's own inputs alone give a linear model {', '.join(words)} of the score that it has when it sees "
        f"the surroundings as well; 95 % of it take {f'a view of {view}' if last['R_95'] else 'no more than these'} at "
        "the lowest temperature."
    )


def run(series: list[scores.Series]) -> str:
    """Return what was run, in one line: temperatures, configurations, runs, the code's commit."""
    temperatures = ", ".join(style.number(temperature) for temperature, _ in scores.by_temperature(series))
    one = series[0]
    return (
        f"What was run: T = {temperatures}; of each, {one.n_train or '–'} configurations to train on and {one.n_test} "
        f"to test, n = {one.n_runs or '–'} runs of every configuration. Commit {provenance.commit()[:12]}."
    )


def made_by(paths: list[Path], configuration: Path | None) -> str:
    """Return what made the run: versions, commit and platform of this report and of every file in `paths`."""
    parts = [_definitions({"commit": provenance.commit(), **provenance.versions()})]
    if configuration is not None:
        parts.append(_details(f"Configuration ({configuration.name})", configuration.read_text(encoding="utf-8")))
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
    caption = f"{typeset(SCORES.format(species=arguments.species))} {_download(arguments.metrics)}"
    contents, sections = [], []
    for name, title in SECTIONS:
        if found := "".join(figure(path) for path in getattr(arguments, name)):
            contents.append(f'<li><a href="#{name}">{title}</a></li>')
            sections.append(f'<section id="{name}"><h2>{title}</h2>{found}</section>')
    if arguments.graphs is not None:
        contents.append('<li><a href="#scene">One configuration, to turn around</a></li>')
    tables = [matrix.of(*of) for of in scores.by_temperature(series)]
    return Template((HERE / "report.html").read_text(encoding="utf-8")).substitute(
        sentence=typeset(" ".join([sentence(series, arguments.species), reached(arguments.reached)])),
        scores="\n".join([*tables, f'<p class="caption">{caption}</p>']),
        run=typeset(run(series)),
        contents="\n".join([*contents, '<li><a href="#made-by">What made it</a></li>']),
        sections="\n".join(sections),
        scene=_scene(arguments),
        made_by=made_by(arguments.sources, arguments.configuration),
    )


def _scene(arguments: argparse.Namespace) -> str:
    if arguments.graphs is None:
        return ""
    configuration = propensity_field.read(arguments.graphs, arguments.predictions, arguments.sample)
    return Template((HERE / "scene.html").read_text(encoding="utf-8")).substitute(
        place=typeset(configuration.place),
        last=len(configuration.time) - 1,
        payload=scene.payload(configuration),
        script=(HERE / "scene.js").read_text(encoding="utf-8"),
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
    parser.add_argument("--reached", type=Path, nargs="*", default=[], help="second tables of analysis.reach")
    parser.add_argument("--graphs", type=Path, help="graphs.h5 of the configuration to turn around")
    parser.add_argument("--predictions", type=Path, nargs="*", default=[], help="predictions.h5 for it")
    parser.add_argument("--sample", help="name of that configuration, as s0000 (the first predicted)")
    parser.add_argument("--sources", type=Path, nargs="*", default=[], help="files (.h5) whose making is listed")
    parser.add_argument("--configuration", type=Path, help="the configuration of the run (.yaml), printed as it is")
    parser.add_argument("--output", type=Path, required=True, help="the report (.html)")
    arguments = parser.parse_args()
    if (arguments.graphs is None) != (not arguments.predictions):
        raise InputError("--graphs and --predictions: expected both or neither")
    for path in (arguments.metrics, arguments.configuration):
        if path is not None and not path.is_file():
            raise InputError(f"{path}: no such file")
    content = page(arguments)
    with store.text(arguments.output) as file:
        file.write(content)
    print(f"{arguments.output}: {len(content) / 1e6:.1f} MB")


if __name__ == "__main__":
    command.run(main)
