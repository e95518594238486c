"""One look for all figures: widths, fonts, colours, and the four files that make a figure.

Colours are Okabe and Ito's palette (Color Universal Design, 2008) for things of different kind, viridis for
everything that has an order: both are told apart with every common kind of colour blindness.
"""

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
# What captions end with.
UNITS = "T in ε/k_B; σ, ε, τ: Lennard-Jones units of the A particles."

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
    # Whatever the user's matplotlibrc says (text.usetex needs LaTeX) is forgotten first.
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(_RC)
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def ordered(count: int) -> list:
    """Return `count` colours of things in order (temperatures, times, shells), dark first, none too pale for paper."""
    return [matplotlib.colormaps[FIELD](place) for place in np.linspace(0.0, 0.8, max(count, 2))[:count]]


def letters(axes: np.ndarray) -> None:
    """Write a letter above the upper left corner of every panel."""
    for axis, name in zip(axes.flat, "abcdefgh", strict=False):
        axis.set_title(f"({name})", loc="left", fontsize=9, pad=3)


def shared_legend(figure: Figure, axes: np.ndarray) -> None:
    """Put what the panels label, each label once, below them."""
    pairs = (pair for axis in axes.flat for pair in zip(*axis.get_legend_handles_labels(), strict=True))
    found = {label: handle for handle, label in pairs}
    figure.legend(found.values(), found, loc="outside lower center", ncols=2, columnspacing=1.0)


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


def save(figure: Figure, output: Path, rows: Sequence[Mapping], caption: str) -> None:
    """Write `output` (.svg) and beside it the same as .png, the `rows` behind it as .csv, its caption as .txt."""
    with store.replacing(output.with_suffix(".csv")) as path, open(path, "w", newline="", encoding="utf-8") as file:
        tables.fill(file, list(rows[0]), rows, ".6g")
    with store.replacing(output.with_suffix(".txt")) as path:
        path.write_text(" ".join(caption.split()) + "\n", encoding="utf-8")
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
