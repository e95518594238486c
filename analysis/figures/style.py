"""One look for all figures: widths, fonts, colours, and the four files that make a figure.

Colours are Okabe and Ito's palette (Color Universal Design, 2008) for things of different kind, viridis for
everything that has an order: both are told apart with every common kind of colour blindness.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler

from simulate.files import provenance, store, tables
from simulate.stage import options
from simulate.stage.command import InputError

# Width of a journal column, in inches.
COLUMN = 8.6 / 2.54

# The palette's yellow is left out, as it is lost on white paper.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
GREY = "#8C8C8C"
# Lines of different kind.
LINES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
MARKERS = "osD^vPX*"
# Fields over the particles, and everything else that has an order.
FIELD = "viridis"

_RC: dict[Any, Any] = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "axes.linewidth": 0.6,
    "axes.prop_cycle": cycler(color=LINES),
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "image.cmap": FIELD,
    "savefig.dpi": 300,
    # Glyphs as paths: the file looks the same where the font is absent. The salt makes equal figures equal files.
    "svg.fonttype": "path",
    "svg.hashsalt": "supercooled",
}


def subplots(
    rows: int = 1, columns: int = 1, width: float = COLUMN, height: float = 0.75 * COLUMN, **options: Any
) -> tuple[Figure, np.ndarray]:
    """Return (figure, axes) in our style: axes in an array (rows, columns), options as of matplotlib's `subplots`."""
    matplotlib.rcParams.update(_RC)
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def ordered(count: int) -> list:
    """Return `count` colours of things in order (temperatures, times, shells), dark first, none too pale for paper."""
    return [matplotlib.colormaps[FIELD](place) for place in np.linspace(0.0, 0.8, max(count, 2))[:count]]


def letter(axes: Axes, text: str) -> None:
    """Write a panel's letter above its upper left corner."""
    axes.set_title(f"({text})", loc="left", fontsize=9, pad=3)


def logarithmic(axis: Axes, *times: np.ndarray) -> None:
    """Make the x axis logarithmic around `times`; over less than two decades its ticks are plain 1, 2, 5."""
    first, last = min(map(np.min, times)), max(map(np.max, times))
    axis.set(xscale="log", xlim=(first / 1.25, last * 1.25))
    if last < 100 * first:
        subs = (1, 2, 5) if last < 10 * first else (1, 3)
        axis.xaxis.set_major_locator(ticker.LogLocator(subs=subs))
        axis.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        axis.xaxis.set_minor_formatter(ticker.NullFormatter())


def number(value: float) -> str:
    """Return a number for a label: three digits, no needless zeros or exponents."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def save(figure: Figure, output: Path, table: Mapping[str, Sequence | np.ndarray], caption: str) -> None:
    """Write `output` (.svg) and beside it the same as .png, the table of its numbers as .csv, its caption as .txt.

    `table` maps a column's name to its values; all columns have one length.
    """
    with store.replacing(output.with_suffix(".csv")) as path:
        write_table(path, table)
    with store.replacing(output.with_suffix(".txt")) as path:
        path.write_text(" ".join(caption.split()) + "\n")
    # Equal figures are equal files: how long it took is left out.
    made = json.dumps({name: value for name, value in provenance.of(output).items() if name != "seconds"})
    with store.replacing(output.with_suffix(".png")) as path:
        figure.savefig(path, metadata={"Description": made})
    with store.replacing(output) as path:
        figure.savefig(path, metadata={"Date": None, "Description": made})


def parser(name: str, description: str) -> options.Parser:
    """Return the parser of `python -m analysis.figures.NAME`, described by its first line; it knows `--output`."""
    made = options.Parser(prog=f"python -m analysis.figures.{name}", description=description.splitlines()[0])
    made.add_argument("--output", required=True, type=svg, help="the figure (.svg)")
    return made


def svg(name: str) -> Path:
    """Return the path of a figure (as an argument's `type`), or raise InputError where it is not an .svg."""
    if Path(name).suffix != ".svg":
        raise InputError(f"--output: {name}, expected a name that ends in .svg (.png, .csv and .txt appear beside it)")
    return Path(name)


def write_table(path: str | Path, table: Mapping[str, Sequence | np.ndarray]) -> None:
    """Write columns as CSV; numbers with six digits."""
    lengths = {len(column) for column in table.values()}
    if len(lengths) != 1:
        raise ValueError(f"columns of different lengths: { {name: len(column) for name, column in table.items()} }")
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table)
        writer.writerows([_cell(value) for value in row] for row in zip(*table.values(), strict=True))


def read_table(path: str | Path, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the columns of a CSV file: float arrays where every entry is a number or empty (NaN), else strings.

    Raises InputError where the file is missing, empty, ragged, or has not the `columns`.
    """
    found = tables.rows(path, columns)
    return {name: _column([row[name] for row in found]) for name in found[0]}


def _column(values: Sequence[str]) -> np.ndarray:
    try:
        return np.array([float(value) if value.strip() else np.nan for value in values])
    except ValueError:
        return np.array(values)


def _cell(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else value
