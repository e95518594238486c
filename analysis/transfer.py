"""Networks trained at one temperature and time, tested at all others: a matrix of Pearson correlations with ceilings.

    python -m analysis.transfer OUT.csv --models MODEL.pt ... --graphs graphs.h5 ...

A row for each output of each model on the test samples of each graphs file, against the propensity at each of its
times: correlations do not care for the scale, so a network of one time can be tested at another. Numbers and columns
as in `learn.data.scores`.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from learn.data import dataset, scores
from learn.data.dataset import Sample
from learn.models import checkpoint
from learn.models.model import Trained
from simulate.files import tables
from simulate.stage import command, options
from simulate.stage.command import InputError

SCORES = ("pcc_mean", "pcc_mean_error", "pcc_all", "ceiling_mean", "ceiling_all", "n_test")
COLUMNS = ("model", "seed", "trained_temperature", "trained_time", "temperature", "time", "species", *SCORES)


def score(trained: Trained, samples: Sequence[Sample]) -> list[dict]:
    """Return one row per output of the network and time of the samples (A particles)."""
    predicted = [trained.predict(sample.configuration) for sample in samples]
    rows = []
    for output, time in enumerate(trained.time):
        # The same prediction stands beside the propensity of every time.
        repeated = [np.tile(p[output], (len(s.time), 1)) for p, s in zip(predicted, samples, strict=True)]
        rows += [{"trained_time": time, **row} for row in scores.scores(repeated, samples, "A")]
    return rows


def matrix(models: Sequence[Path], graphs: Sequence[Path]) -> list[dict]:
    """Return the rows of all models on all graphs files, with the columns of the file."""
    rows = []
    with command.progress(len(models) * len(graphs), "transfer", "pair") as bar:
        for tested in graphs:
            samples = [dataset.load(tested, name) for name in dataset.samples(tested, "test")]
            if not samples:
                raise InputError(f"{tested}: no test samples")
            for model in models:
                trained = checkpoint.load(model)
                about = {
                    "model": trained.settings.get("model", ""),
                    "seed": trained.settings.get("seed", ""),
                    "trained_temperature": trained.settings.get("temperature"),
                    "temperature": dataset.settings(tested)["temperature"],
                }
                rows += [about | row for row in score(trained, samples)]
                bar.update()
    return rows


def main() -> None:
    parser = options.Parser(prog="python -m analysis.transfer", description=__doc__.splitlines()[0])
    parser.add_argument("output", help="OUT.csv")
    parser.add_argument("--models", nargs="+", type=Path, required=True)
    parser.add_argument("--graphs", nargs="+", type=Path, required=True)
    parser.add_argument("--threads", type=options.count, default=1)
    arguments = parser.parse_args()

    import torch

    torch.set_num_threads(arguments.threads)
    tables.write(arguments.output, COLUMNS, matrix(arguments.models, arguments.graphs))


if __name__ == "__main__":
    command.run(main)
