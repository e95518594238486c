"""The model `pairs` against the linear model and the networks it is the mean of, every configuration predicted once.

    python -m benchmarks.studies.pairs_folds results/T0.700/graphs.h5

All configurations of the file are taken in turn, whatever their split: in each fold the others train, but for one that
chooses the epoch. Pearson's correlation over A particles, mean over configurations with its standard error; differences
from the linear model, fitted to the same configurations, are paired. Folds share training configurations, so errors are
somewhat too small. The last row: the share of A particles whose true propensity is within one and two of the
ensemble's standard deviation and the standard error of the measured propensity together.
"""

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from learn.data import dataset
from learn.models.pairs import training
from learn.models.pairs.inputs import Described, describe
from learn.models.pairs.model import Pairs
from learn.training.loop import fit
from simulate.liquid.statistics import correlation

ROWS = ("linear", "one network", "mean of networks", "pairs")


def scored(model: Pairs, sample: dataset.Sample, known: Described) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the correlations (M,) of every row in a configuration; and how many deviations off pairs is, (M, A)."""
    a = np.asarray(sample.configuration.types) == 0
    truth = sample.propensity[:, a]
    inputs = model.completed(known)
    with torch.no_grad():
        networks, members = model.standardised(inputs).double().numpy(), model.members(inputs).double().numpy()
    linear = known.features @ model.linear.weight[0].numpy()

    def r(values: np.ndarray) -> np.ndarray:
        return np.array([correlation(x, y) for x, y in zip(values[a].T, truth, strict=True)])

    found = (
        r(linear),
        np.mean([r(one) for one in networks], axis=0),
        r(networks.mean(axis=0)),
        r(members.mean(axis=0)),
    )
    spread = members[:, a].std(axis=0, ddof=min(1, len(members) - 1)).T
    off = np.abs(members.mean(axis=0)[a].T - truth) / np.hypot(spread, sample.standard_error[:, a])
    return dict(zip(ROWS, found, strict=True)), off


def fold(asked: argparse.Namespace, out: Sequence[str]) -> tuple[list[dict[str, np.ndarray]], list[np.ndarray]]:
    """Return what `scored` does of the configurations left out, predicted by a model of all others."""
    torch.set_num_threads(1)
    rest = [name for name in dataset.samples(asked.graphs) if name not in out]
    split, begin = {"train": rest[1:], "validation": rest[:1]}, time.process_time()
    settings = {"given": asked.given, "layers": asked.layers, "members": asked.members}
    model = training.begun(settings, len(dataset.times(asked.graphs)), asked.seed)

    def known(name: str) -> tuple[Described, np.ndarray]:
        sample = dataset.load(asked.graphs, name)
        return describe(sample.configuration, model.linear), sample.propensity

    batch_of = training.prepared(model, known, split)
    described = time.process_time()
    fit(model, batch_of, split, training.plan_of(model, asked.steps, len(split["train"]), asked.seed))
    took = f"{described - begin:.0f} s of one core to describe {len(rest)}, {time.process_time() - described:.0f} s to"
    print(f"{took} train", flush=True)
    found = [scored(model.eval(), dataset.load(asked.graphs, name), known(name)[0]) for name in out]
    return [rows for rows, _ in found], [off for _, off in found]


def main() -> None:
    """Train on every fold and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("graphs", type=Path)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    Pairs.add_options(parser)
    asked = parser.parse_args()
    names = np.array_split(dataset.samples(asked.graphs), asked.folds)
    with ProcessPoolExecutor(asked.processes, get_context("spawn")) as pool:
        folds = list(pool.map(partial(fold, asked), names))
    scores = [each for rows, _ in folds for each in rows]
    rows = {name: np.array([each[name] for each in scores]) for name in ROWS}
    print(table(dataset.times(asked.graphs), rows, np.concatenate([each for _, off in folds for each in off], axis=1)))


def table(at: np.ndarray, rows: dict[str, np.ndarray], off: np.ndarray) -> str:
    """Return the table in Markdown."""

    def cells(values: np.ndarray, sign: str = "") -> str:
        error = values.std(axis=0, ddof=1) / len(values) ** 0.5
        return " | ".join(f"{m:{sign}.4f} ± {e:.4f}" for m, e in zip(values.mean(axis=0), error, strict=True))

    lines = [f"| | {' | '.join(f't = {t:.3g}' for t in at)} |", f"|---|{'---|' * len(at)}"]
    lines += [f"| {name} | {cells(values)} |" for name, values in rows.items()]
    lines += [f"| {name} - linear | {cells(rows[name] - rows['linear'], '+')} |" for name in ROWS[1:]]
    within = " | ".join(f"{(row < 1).mean():.2f}, {(row < 2).mean():.2f}" for row in off)
    return "\n".join([*lines, f"| within one, two deviations | {within} |"])


if __name__ == "__main__":
    main()
