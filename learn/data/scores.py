"""How well predictions agree with the simulation, beside the best that noise allows, and the files that say so."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from learn.data import dataset
from learn.data.dataset import Sample
from simulate.files import store, tables
from simulate.liquid.kob_andersen import SPECIES
from simulate.liquid.statistics import ceiling, correlation, standard_error

COLUMNS = (
    *("source", "temperature", "time", "model", "seed", "species", "pcc_mean", "pcc_mean_error", "pcc_all"),
    *("ceiling_mean", "ceiling_all", "n_runs", "n_train", "n_test"),
)


def reliability(sample: Sample, species: str) -> np.ndarray:
    """Return which part of a species' propensity variance is no noise, per time (M,).

    As measured with the propensity where the sample carries it, else 1 - mean(standard_error^2) / variance.
    """
    measured = getattr(sample, f"reliability_{species}")
    if measured is not None:
        return measured
    chosen = sample.configuration.types == SPECIES[species]
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
    chosen = [sample.configuration.types == SPECIES[species] for sample in samples]
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
                "pcc_mean_error": standard_error(each),
                "pcc_all": correlation(np.concatenate(predicted), pooled),
                "ceiling_mean": ceiling(reliable).mean(),
                "ceiling_all": ceiling(1 - noise / pooled.var()),
                "n_test": len(samples),
            }
        )
    return rows


def table(path: Path, rows: Sequence[Mapping]) -> None:
    """Write rows of scores as .csv with the columns of results/metrics.csv."""
    tables.write(path, COLUMNS, rows, ".6g")


def write_predictions(
    path: Path,
    time: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    settings: Mapping,
    seed: int | None = None,
    spreads: Mapping[str, np.ndarray | None] = MappingProxyType({}),
) -> None:
    """Write predictions.h5: time (M,), and one group per test sample with its prediction (M, N).

    Where there is one, the standard deviation over an ensemble's members stands beside it: `uncertainty` (M, N).
    """
    with store.create(path, "predictions", settings, seed=seed) as file:
        file["time"] = time
        for name, prediction in predictions.items():
            file.create_group(name)["prediction"] = prediction
            if spreads.get(name) is not None:
                file[name]["uncertainty"] = spreads[name]


def shared_columns(graphs: Path, samples: Sequence[Sample]) -> dict:
    """Return the columns that all models of one graphs.h5 share, if trained on it: temperature, n_runs, n_train."""
    return {
        "temperature": dataset.settings(graphs)["temperature"],
        "n_runs": samples[0].n_runs or "",
        "n_train": len(dataset.samples(graphs, "train")),
    }
