"""How well predictions of test configurations agree with the simulation, beside the best that noise allows.

`python -m learn.evaluate MODEL.pt graphs.h5 --predictions predictions.h5 --scores scores.csv` is the only place where
test configurations are touched.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from learn.data import dataset
from learn.data.dataset import Sample
from simulate.files import store, tables
from simulate.liquid.kob_andersen import SPECIES
from simulate.liquid.statistics import correlation
from simulate.stage import command, options
from simulate.stage.command import InputError

COLUMNS = (
    "source",
    "temperature",
    "time",
    "model",
    "seed",
    "species",
    "pcc_mean",
    "pcc_mean_error",
    "pcc_all",
    "ceiling_mean",
    "ceiling_all",
    "n_runs",
    "n_train",
    "n_test",
)


def reliability(sample: Sample, species: str) -> np.ndarray:
    """Return which part of a species' propensity variance is no noise, per time (M,).

    As measured with the propensity where the sample carries it, else 1 - mean(standard_error^2) / variance.
    """
    measured = getattr(sample, f"reliability_{species}")
    if measured is not None:
        return measured
    chosen = sample.graph.types == SPECIES[species]
    noise = (sample.standard_error[:, chosen] ** 2).mean(axis=1)
    return 1 - noise / sample.propensity[:, chosen].var(axis=1)


def scores(predictions: Sequence[np.ndarray], samples: Sequence[Sample], species: str = "A") -> list[dict]:
    """Return one row per time: how predictions (M, N) of test samples correlate with what was measured.

    pcc_mean: Pearson's correlation in each configuration, averaged; pcc_mean_error: its standard error over
    configurations (NaN for one); pcc_all: the correlation of all configurations pooled.

    No prediction of the true propensity can do better, on average, than the ceilings: ceiling_mean, the mean over
    configurations of sqrt(reliability); ceiling_all = sqrt(1 - noise / variance) with the pooled variance and the
    noise variance (1 - reliability) variance of each configuration, averaged over particles. Pooled
    configurations differ in their means, so ceiling_all lies above ceiling_mean.
    """
    rows = []
    chosen = [sample.graph.types == SPECIES[species] for sample in samples]
    for index, time in enumerate(samples[0].time):
        predicted = [prediction[index, of] for prediction, of in zip(predictions, chosen, strict=True)]
        measured = [sample.propensity[index, of] for sample, of in zip(samples, chosen, strict=True)]
        each = np.array([correlation(x, y) for x, y in zip(predicted, measured, strict=True)])
        reliable = np.array([reliability(sample, species)[index] for sample in samples])
        counts = np.array([len(y) for y in measured])
        noise = np.average((1 - reliable) * [y.var() for y in measured], weights=counts)
        pooled = np.concatenate(measured)
        rows.append(
            {
                "time": float(time),
                "species": species,
                "pcc_mean": each.mean(),
                "pcc_mean_error": each.std(ddof=1) / np.sqrt(len(each)) if len(each) > 1 else np.nan,
                "pcc_all": correlation(np.concatenate(predicted), pooled),
                "ceiling_mean": np.sqrt(np.maximum(reliable, 0)).mean(),
                "ceiling_all": np.sqrt(max(1 - noise / pooled.var(), 0)),
                "n_test": len(samples),
            }
        )
    return rows


def table(path: Path, rows: Sequence[Mapping]) -> None:
    """Write rows of scores as .csv with the columns of results/metrics.csv."""
    tables.write(path, COLUMNS, rows, ".6g")


def write_predictions(
    path: Path, time: np.ndarray, predictions: Mapping[str, np.ndarray], settings: Mapping, seed: int | None = None
) -> None:
    """Write predictions.h5: time (M,), and one group per test sample with its prediction (M, N)."""
    with store.create(path, "predictions", settings, seed=seed) as file:
        file["time"] = time
        for name, prediction in predictions.items():
            file.create_group(name)["prediction"] = prediction


def shared_columns(graphs: Path, samples: Sequence[Sample]) -> dict:
    """Return the columns that all models of one graphs.h5 share, if trained on it: temperature, n_runs, n_train."""
    return {
        "temperature": dataset.settings(graphs)["temperature"],
        "n_runs": samples[0].n_runs or "",
        "n_train": len(dataset.samples(graphs, "train")),
    }


def main() -> None:
    """Predict the test configurations of graphs.h5 and score the predictions."""
    parser = options.Parser(prog="python -m learn.evaluate", description=main.__doc__)
    parser.add_argument("model", type=Path, help="MODEL.pt")
    parser.add_argument("graphs", type=Path, help="graphs.h5")
    parser.add_argument("--predictions", type=Path, required=True, help="predictions.h5 to write")
    parser.add_argument("--scores", type=Path, required=True, help="table of scores to write (.csv)")
    parser.add_argument("--source", default="simulated", help="first column of the table")
    parser.add_argument("--name", help="model column of the table (default: the model's own name)")
    parser.add_argument("--species", nargs="+", choices=SPECIES, default=["A"])
    parser.add_argument("--threads", type=options.count, default=1)
    arguments = parser.parse_args()

    import torch

    from learn.models import checkpoint

    torch.set_num_threads(arguments.threads)
    trained = checkpoint.load(arguments.model)
    names = dataset.samples(arguments.graphs, "test")
    if not names:
        raise InputError(f"{arguments.graphs}: no test configurations, expected at least one")
    with command.about(arguments.graphs):
        samples = [dataset.load(arguments.graphs, name).at(trained.time) for name in names]
    predictions = [trained.predict(sample.configuration) for sample in samples]
    shared = shared_columns(arguments.graphs, samples) | {
        "source": arguments.source,
        "model": arguments.name or trained.settings["model"],
        "seed": trained.settings.get("seed", 0),
        # Of the model, which may have been trained on other graphs.
        "n_train": trained.settings.get("n_train", ""),
    }
    rows = [shared | row for species in arguments.species for row in scores(predictions, samples, species)]
    named = {sample.name: prediction for sample, prediction in zip(samples, predictions, strict=True)}
    write_predictions(arguments.predictions, trained.time, named, {"model": trained.settings})
    table(arguments.scores, rows)
    for row in rows:
        print(
            f"t = {row['time']:g}, {row['species']}: PCC mean {row['pcc_mean']:.3f}, PCC all {row['pcc_all']:.3f}, "
            f"ceiling {row['ceiling_mean']:.3f}, {row['n_test']} test configurations"
        )


if __name__ == "__main__":
    command.run(main)
