"""The scores of a run (metrics.csv), as figures and report read them, and the published ones beside them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.figures import inputs
from learn.models import GIVEN, MODELS
from simulate.stage.command import InputError

# Of the columns of metrics.csv, those read here.
COLUMNS = (
    *("temperature", "time", "model", "seed", "species", "pcc_mean", "pcc_mean_error", "pcc_all"),
    *("ceiling_mean", "ceiling_all", "n_runs", "n_train", "n_test"),
)
# What learn.baselines calls them, and their names in words; every other model is a network. Beside NAME there may be
# NAME_averaged, its average over neighbours.
BASELINES = {
    "energy": "energy",
    "density": "density",
    "coordination": "coordination",
    "ridge": "ridge regression",
    "softness": "softness",
    "cnn": "convolutional network",
    "debye_waller (short run)": "Debye-Waller factor (short run)",
}
NETWORKS = {"pairs": "pair network with linear model", "bapst2020": "graph network", "linear": "linear model"}
# Scores on the public three-dimensional Kob-Andersen data, A particles, 400 training configurations (EIGNN: 100):
# Jung et al., Nature Reviews Physics 7, 91 (2025); Bapst et al. on data of their own.
PUBLISHED = Path(__file__).with_name("published_scores.csv")


@dataclass
class Series:
    """The scores of one model at one temperature, (M,) in order of time, averaged over its training seeds.

    error: standard error of the mean over test configurations (root mean square over the seeds); n_runs, n_train:
    None where the table leaves them open.
    """

    temperature: float
    model: str
    time: np.ndarray
    pcc_mean: np.ndarray
    error: np.ndarray
    pcc_all: np.ndarray
    ceiling_mean: np.ndarray
    ceiling_all: np.ndarray
    n_seeds: int
    n_runs: int | None
    n_train: int | None
    n_test: int

    @property
    def is_baseline(self) -> bool:
        """Whether this is a baseline rather than a network."""
        return self._single in BASELINES

    @property
    def label(self) -> str:
        """The model's name in words."""
        if self.is_baseline:
            return ("coarse-grained " if self.model != self._single else "") + BASELINES[self._single]
        name = NETWORKS.get(self.family, self.family)
        return name if self.family == self.model else f"{name}, {self.n_train} to train on"

    @property
    def given(self) -> str:
        """What the model is given of a configuration, where it is one of ours by its name, else ''."""
        return GIVEN[MODELS[self.family].given] if self.family in MODELS else ""

    @property
    def family(self) -> str:
        """The model of whose learning curve this is a point: NAME of NAME_4, else the model itself."""
        return re.sub(r"_\d+$", "", self.model)

    @property
    def order(self) -> tuple:
        """Where it stands among others: by temperature, networks before baselines."""
        place = list(BASELINES).index(self._single) + 1 if self.is_baseline else 0
        return self.temperature, place, self.model

    @property
    def _single(self) -> str:
        return self.model.removesuffix("_averaged")


def read(path: str | Path, species: str = "A") -> list[Series]:
    """Return the scores of one species by temperature and model: temperatures rising, networks before baselines.

    Raises InputError where the table has other columns, no row of the species, or no temperature.
    """
    table = inputs.read_table(path, COLUMNS)
    rows = np.char.strip(table["species"].astype(str)) == species
    if not rows.any():
        raise InputError(f"{path}: no row with species {species}")
    for name in ("temperature", "time", "pcc_mean"):
        if not np.isfinite(table[name][rows]).all():
            raise InputError(f"{path}: column {name}: an empty entry, expected a number in every row")
    found = [
        _series(table, rows & (table["temperature"] == temperature) & (table["model"] == model))
        for temperature in np.unique(table["temperature"][rows])
        for model in np.unique(table["model"][rows & (table["temperature"] == temperature)])
    ]
    return sorted(found, key=lambda one: one.order)


def _series(table: dict[str, np.ndarray], rows: np.ndarray) -> Series:
    times = np.unique(table["time"][rows])
    at = [rows & (table["time"] == time) for time in times]
    means = {name: np.array([table[name][chosen].mean() for chosen in at]) for name in COLUMNS[5:10]}
    error = np.array([np.sqrt((table["pcc_mean_error"][chosen] ** 2).mean()) for chosen in at])
    del means["pcc_mean_error"]
    first = {name: column[rows][0] for name, column in table.items()}
    n_runs, n_train = (None if np.isnan(first[name]) else int(first[name]) for name in ("n_runs", "n_train"))
    return Series(
        temperature=float(first["temperature"]),
        model=str(first["model"]),
        time=times,
        error=error,
        n_seeds=int(at[0].sum()),
        n_runs=n_runs,
        n_train=n_train,
        n_test=int(first["n_test"]),
        **means,
    )


def by_temperature(series: list[Series]) -> Iterator[tuple[float, list[Series]]]:
    """Yield each temperature with its series."""
    for temperature in sorted({one.temperature for one in series}):
        yield temperature, [one for one in series if one.temperature == temperature]


def shown(series: list[Series]) -> list[Series]:
    """Return the series that stand side by side.

    Left out: baselines of single particles whose average over neighbours is there too, and points of the learning curve
    of a model that is there.
    """
    models = {one.model for one in series}
    kept = [one for one in series if f"{one.model}_averaged" not in models]
    return [one for one in kept if one.family == one.model or one.family not in models]


def published(temperature: float, times: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return published scores (time, PCC mean) by model, at a temperature and within 5 % of one of `times`."""
    table = inputs.read_table(PUBLISHED, ("temperature", "time", "model", "pcc_mean"))
    near = np.abs(np.log(table["time"][:, None] / times[None, :])).min(axis=1) < 0.05
    rows = np.isclose(table["temperature"], temperature) & near
    models = table["model"][rows]
    return {
        str(model): (table["time"][rows][models == model], table["pcc_mean"][rows][models == model])
        for model in dict.fromkeys(models)
    }
