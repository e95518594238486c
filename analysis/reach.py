"""How far must one look? The score of a model trained again at every range that it is allowed to see.

    python -m analysis.reach graphs.h5 OUT.csv

The linear model learns from the averages of 0, 1, ... generations of neighbours (0: a particle's own inputs only);
every configuration of the file is predicted by models that did not learn from it, so all of them count, and the ranges
are compared on the same configurations. OUT.csv has one row per time and range: `range` (generations), `range_sigma`
and `farthest_sigma` (how far that is), `pcc_mean` (Pearson's correlation, mean over configurations), `share` (of the
score at the longest range). OUT_reach.csv has one row per time: the share at range 0 and R_95, the smallest range
(sigma) that attains 95 % of the full score. Errors: bootstrap over configurations and seeds.
"""

import argparse
from pathlib import Path

import numpy as np

from analysis.ranges import controls
from analysis.ranges import linear as by_generation
from analysis.ranges.summary import COLUMNS, REACH, Summary, beside, summarise
from learn.data import dataset
from learn.models.linear import model as linear
from learn.models.linear.model import Statistics
from simulate.files import tables
from simulate.liquid.kob_andersen import SPECIES
from simulate.stage import command, options, seeds
from simulate.stage.command import InputError

# What the linear model is given on each rung: + minimisation, + the trajectory from rest and the descent.
_MINIMISED = ("energy", "virial", "cell", "displacement")
RUNGS = {2: _MINIMISED, 3: (*_MINIMISED, "descent", "release")}


def rows(
    scores: np.ndarray, ranges: list[int], distances: tuple[np.ndarray, np.ndarray], time: np.ndarray, common: dict
) -> tuple[list[dict], list[dict]]:
    """Return the rows of both tables from scores (R, S, C, M)."""
    every, reaches = [], []
    for index, moment in enumerate(time):
        found: Summary = summarise(scores[..., index], distances[0])
        at = common | {"time": float(moment)}
        for place, value in enumerate(ranges):
            every.append(
                at
                | {
                    "range": value,
                    "range_sigma": distances[0][place],
                    "farthest_sigma": distances[1][place],
                    **{
                        name: getattr(found, name)[place]
                        for name in ("pcc_mean", "pcc_mean_error", "share", "share_error")
                    },
                }
            )
        reaches.append(
            at
            | {
                "share_at_0": found.share[0],
                "share_at_0_error": found.share_error[0],
                "R_95": found.reach,
                "R_95_error": found.reach_error,
            }
        )
    return every, reaches


def main() -> None:
    arguments = _arguments()
    names = dataset.samples(arguments.graphs)
    if len(names) < 4:
        raise InputError(f"{arguments.graphs}: {len(names)} configurations, expected at least 4")
    species, generations = SPECIES[arguments.species], max(arguments.generations)
    parts: list[Statistics] = []
    seen, own = [], 0
    with command.progress(len(names), "describe", "configuration") as bar:
        for name in names:
            sample = dataset.load(arguments.graphs, name)
            target = _target(sample, arguments, seeds.generator(0, "control", len(parts)))
            inputs = by_generation.own_inputs(sample, RUNGS[arguments.rung])
            own = inputs.shape[1]
            parts.append(by_generation.sums(inputs, sample, target, species, generations))
            seen.append(by_generation.distances(sample, generations))
            bar.update()
    ranges = sorted(set(arguments.generations))
    scores = []
    with command.progress(len(ranges), "fit", "range") as bar:
        for value in ranges:
            scores.append(by_generation.held_out([by_generation.restricted(part, own, value) for part in parts]))
            bar.update()
    distances = tuple(np.mean([found[kind][ranges] for found in seen], axis=0) for kind in (0, 1))
    common = {
        "temperature": dataset.settings(arguments.graphs)["temperature"],
        "model": f"linear (rung {arguments.rung})" + _control(arguments),
        "seed": 0,
        "species": arguments.species,
        "n_train": len(names) - -(-len(names) // min(by_generation.FOLDS, len(names))),
        "n_test": len(names),
    }
    every, reaches = rows(np.array(scores)[:, None], ranges, distances, sample.time, common)
    tables.write(arguments.output, COLUMNS, every, ".6g")
    tables.write(beside(arguments.output), REACH, reaches, ".6g")


def _target(sample: dataset.Sample, arguments: argparse.Namespace, random: np.random.Generator) -> np.ndarray:
    if arguments.shuffled:
        return controls.shuffled(sample, random)
    if arguments.synthetic:
        return controls.synthetic(sample, arguments.synthetic, random)
    return sample.propensity.astype(np.float64)


def _control(arguments: argparse.Namespace) -> str:
    if arguments.shuffled:
        return ", shuffled"
    return f", synthetic {arguments.synthetic:g}" if arguments.synthetic else ""


def _arguments() -> argparse.Namespace:
    parser = options.Parser(prog="analysis.reach", description=__doc__.splitlines()[0])
    parser.add_argument("graphs", help="a graphs.h5; all its configurations count")
    parser.add_argument("output", type=Path, help="OUT.csv; OUT_reach.csv is written beside it")
    parser.add_argument("--generations", type=options.natural, nargs="+", default=list(range(linear.GENERATIONS + 1)))
    parser.add_argument("--rung", type=int, choices=tuple(RUNGS), default=3, help="what the model is given")
    parser.add_argument("--species", choices=tuple(SPECIES), default="A")
    control = parser.add_mutually_exclusive_group()
    control.add_argument("--shuffled", action="store_true", help="a control: a target with nothing to learn")
    control.add_argument(
        "--synthetic", type=options.positive, metavar="LENGTH", help="a control: a target of known range"
    )
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
