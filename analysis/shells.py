"""How far a network looks: its predictions for marked particles when the structure beyond a shell is changed.

    python -m analysis.shells MODEL.pt CONFIGURATION OUT.csv --kind removal|gap|gradient --shells 1 2 3

removal   everything beyond shell h is taken out of the graph of the marked particle
gap       everything beyond shell h is pushed outwards radially by delta; the edges stay those of the unperturbed graph
gradient  d prediction / d delta of the gap at delta = 0, by back-propagation

(Bapst et al., Nature Physics 16, 448 (2020), figure 4; shells: `perturbation.surroundings`.) Marked particles are A
particles, chosen at random. One of which the shell wraps around the box is left out of that shell's row, and the number
left out is printed; `--wrapped include` counts them all, with the plain periodic graph inside the shell.

CONFIGURATION: any configuration file, or a graphs.h5, of which all test samples are taken, the marked particles spread
evenly over them and all pooled. Columns, one row per time, kind, shell and delta: correlation_with_full: Pearson,
perturbed with unperturbed prediction; correlation_with_truth: with the measured propensity; rms_change: root mean
square of perturbed minus unperturbed prediction, in sigma (gradient: of the derivative); `_error`: standard deviation
over a bootstrap of configurations, then of marked particles within each. A number that is not
defined or not known is nan.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from analysis.perturbation import configurations
from analysis.perturbation.responses import BIN_WIDTH, DELTAS, KINDS, Plan, Responses, choose, respond
from learn.models import checkpoint
from simulate.files import formats, store, tables
from simulate.liquid import statistics
from simulate.stage import command, options
from simulate.stage.command import InputError

COLUMNS = (
    *(
        "temperature",
        "time",
        "kind",
        "shell",
        "delta",
        "n_particles",
        "correlation_with_full",
        "correlation_with_truth",
        "rms_change",
    ),
    *("correlation_with_full_error", "rms_change_error"),
)


def table(responses: Responses, plan: Plan) -> list[dict]:
    """Return one row per time, kind, shell and delta, with the columns of the file."""
    rows = []
    sampled = statistics.resamples(responses.configuration)
    for index, time in enumerate(responses.time):
        full, truth = responses.full[index], responses.truth[index]
        for kind, shell, delta in plan.changes:
            # Not there at all where every marked particle was left out.
            changed = responses.changed[kind, shell, delta][index]
            row = {"temperature": responses.temperature, "time": time, "kind": kind, "shell": shell, "delta": delta}
            rows.append(row | _row(kind, changed, full, truth, sampled))
    return rows


def _row(kind: str, changed: np.ndarray, full: np.ndarray, truth: np.ndarray, sampled: np.ndarray) -> dict:
    counted = np.isfinite(changed)
    derivative = kind == "gradient"
    change = changed[counted] if derivative else (changed - full)[counted]
    weights = sampled[:, counted]
    with np.errstate(invalid="ignore", divide="ignore"):
        sizes = np.sqrt(weights @ change**2 / weights.sum(axis=1))
    correlations = statistics.correlations(changed[counted], full[counted], weights)
    known = counted & np.isfinite(truth)
    return {
        "n_particles": int(counted.sum()),
        "correlation_with_full": np.nan if derivative else statistics.correlation(changed[counted], full[counted]),
        "correlation_with_truth": np.nan if derivative else statistics.correlation(changed[known], truth[known]),
        "rms_change": np.sqrt((change**2).mean()) if len(change) else np.nan,
        "correlation_with_full_error": np.nan if derivative else correlations.std(),
        "rms_change_error": sizes.std(),
    }


def write_responses(path: str | Path, responses: Responses, plan: Plan, settings: dict) -> None:
    """Write what is behind the table: the answer of every marked particle (`responses.Responses`).

    changed (C, M, P) goes with kind, shell, delta (C,), one entry per row of the table; squares and pairs only with
    the kind `gradient`.
    """
    kinds, shell, delta = zip(*plan.changes, strict=True)
    names = ("time", "full", "truth", "configuration", "particle", "wraps_from")
    arrays = {name: getattr(responses, name) for name in names}
    arrays |= {"kind": np.array(kinds, dtype="S"), "shell": np.array(shell, float), "delta": np.array(delta)}
    # NaN throughout where the shell of every particle wraps around the box.
    arrays["changed"] = np.array([responses.changed[change] for change in plan.changes])
    if "gradient" in plan.kinds:
        arrays |= {"squares": responses.squares, "pairs": responses.pairs}
    settings = settings | {"temperature": responses.temperature, "half_box": responses.half_box}
    store.write(path, "responses", arrays, settings | {"metric": plan.metric, "bin_width": BIN_WIDTH})


def main() -> None:
    arguments = _arguments()
    threads = arguments.threads or torch.get_num_threads()
    # Several small graphs at once are faster than several cores on each.
    torch.set_num_threads(1)
    plan = Plan(
        tuple(dict.fromkeys(arguments.kind)),
        tuple(arguments.shells if arguments.metric else map(int, arguments.shells)),
        tuple(arguments.delta),
        arguments.metric,
        arguments.wrapped == "include",
        arguments.batch_edges,
        threads,
    )
    trained = checkpoint.load(arguments.model)
    examined = configurations.read(
        arguments.configuration, trained, arguments.truth, arguments.split, arguments.species
    )
    chosen = choose(examined, arguments.particles, arguments.seed)
    responses = respond(trained, examined, chosen, plan)
    rows = table(responses, plan)
    tables.write(arguments.output, COLUMNS, rows)
    if arguments.responses:
        about = {"model": trained.settings, "particles": arguments.particles, "seed": arguments.seed}
        write_responses(arguments.responses, responses, plan, about)
    _announce(rows, responses.full.shape[1], plan)


def _announce(rows: list[dict], total: int, plan: Plan) -> None:
    for shell in plan.shells:
        left = total - min(row["n_particles"] for row in rows if row["shell"] == shell)
        excluded = f", {left} excluded: the shell wraps around the box" if left else ""
        print(f"shell {shell}: {total} marked particles{excluded}")
    if plan.include_wrapped:
        print("particles of which the shell wraps around the box are included")


def _arguments() -> argparse.Namespace:
    parser = options.Parser(prog="python -m analysis.shells", description=__doc__.splitlines()[0])
    parser.add_argument("model", help="MODEL.pt")
    parser.add_argument("configuration", help="a configuration of any format, or graphs.h5")
    formats.add_species(parser)
    parser.add_argument("output", help="OUT.csv")
    parser.add_argument("--kind", nargs="+", required=True, choices=KINDS)
    parser.add_argument("--shells", nargs="+", type=float, required=True, help="hops, or distances with --metric")
    parser.add_argument("--metric", action="store_true", help="shells by distance (sigma_AA) instead of hops")
    parser.add_argument("--delta", nargs="+", type=float, default=DELTAS, help="gap widths, sigma_AA")
    parser.add_argument(
        "--particles", type=options.count, default=200, help="marked A particles in all (default %(default)s)"
    )
    parser.add_argument("--seed", type=options.natural, default=0, help="by which marked particles are chosen")
    parser.add_argument("--truth", help="propensity file or ensemble of the configuration")
    parser.add_argument("--split", default="test", choices=("train", "validation", "test"), help="of a graphs.h5")
    parser.add_argument("--wrapped", default="exclude", choices=("exclude", "include"))
    text = "edges predicted at once: bounds the memory"
    parser.add_argument("--batch-edges", type=options.count, default=60_000, help=text)
    parser.add_argument("--responses", metavar="OUT.h5", help="the answer of every marked particle as well")
    parser.add_argument("--threads", type=options.count, help="cores (default: all, or OMP_NUM_THREADS)")
    arguments = parser.parse_args()
    _check(arguments)
    return arguments


def _check(arguments: argparse.Namespace) -> None:
    shells = arguments.shells
    if not np.isfinite(shells).all() or any(b <= a for a, b in pairwise(shells)) or not shells[0] > 0:
        raise InputError(f"--shells: {shells}, expected positive numbers that increase")
    if not arguments.metric and any(shell != int(shell) for shell in shells):
        raise InputError(f"--shells: {shells}, expected whole numbers of edges (or --metric)")
    if not all(0 < delta < 1 for delta in arguments.delta):
        raise InputError(f"--delta: {list(arguments.delta)}, expected gap widths between 0 and 1 sigma")


if __name__ == "__main__":
    command.run(main)
