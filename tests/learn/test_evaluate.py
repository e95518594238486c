import csv
import subprocess
import sys

import h5py
import numpy as np
import pytest
import torch

from learn.data import dataset
from learn.data.graph import Graph
from learn.data.scores import COLUMNS, scores
from learn.models import checkpoint
from learn.models.bapst2020.model import Bapst2020
from learn.models.model import Trained
from simulate.liquid.statistics import correlation


def made(number: int, shift: float, noise: float, n: int = 4000, told: bool = False):
    """Return a sample with known truth and the truth itself: variance 1, run-to-run noise of known size."""
    random = np.random.default_rng(number)
    truth = shift + random.normal(size=n)
    graph = Graph(np.zeros(n), np.ones(3), np.zeros((n, 3)), *[np.zeros(0, int)] * 2, np.zeros((0, 3)))
    sample = dataset.Sample(
        f"s{number:04d}",
        "",
        "test",
        graph,
        np.array([1.0]),
        (truth + random.normal(scale=noise, size=n))[None],
        np.full((1, n), noise),
    )
    if told:
        sample.reliability_A = np.array([1 / (1 + noise**2)])
    return sample, truth[None]


@pytest.mark.parametrize("told", [True, False])
def test_the_truth_itself_scores_the_ceiling(told):
    """Truth of variance 1 + noise 0.36: sqrt(1 / 1.36) = 0.857 in each configuration. Pooled with means -1 and 1 the
    variance of the truth is 2: sqrt(2 / 2.36) = 0.921. Standard error of r with 8000 particles: below 0.004."""
    samples, truths = zip(*[made(k, shift, 0.6, told=told) for k, shift in enumerate((-1.0, 1.0))], strict=True)
    row = scores(truths, samples)[0]
    assert row["ceiling_mean"] == pytest.approx((1 / 1.36) ** 0.5, abs=0.012)
    assert row["ceiling_all"] == pytest.approx((2 / 2.36) ** 0.5, abs=0.012)
    assert row["pcc_mean"] == pytest.approx(row["ceiling_mean"], abs=0.015)
    assert row["pcc_all"] == pytest.approx(row["ceiling_all"], abs=0.015)
    assert row["n_test"] == 2


def test_the_error_is_that_of_the_mean():
    samples, truths = zip(*[made(k, 0.0, noise) for k, noise in enumerate((0.0, 1.0, 0.0, 1.0))], strict=True)
    row = scores(truths, samples)[0]
    # Correlations 1, 0.707, 1, 0.707: standard deviation 0.169 (n - 1), over sqrt(4).
    assert row["pcc_mean_error"] == pytest.approx(0.0845, abs=0.01)
    assert np.isnan(scores(truths[:1], samples[:1])[0]["pcc_mean_error"])


def test_correlation():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, 50)) + 100
    assert correlation(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-12)
    assert np.isnan(correlation(x, np.ones(50)))


def test_only_the_asked_species_counts():
    sample, truth = made(0, 0.0, 0.1)
    sample.graph.types[2000:] = 1
    truth[:, 2000:] = 0
    assert scores([truth], [sample], "A")[0]["pcc_mean"] > 0.98
    assert np.isnan(scores([truth], [sample], "B")[0]["pcc_mean"])


def test_the_stage_writes_predictions_and_the_table(graphs, tmp_path):
    torch.manual_seed(0)
    # Trained elsewhere: on 12 configurations, not on the 3 of these graphs.
    settings = {"model": "bapst2020", "cutoff": 2.0, "seed": 5, "n_train": 12}
    trained = Trained(Bapst2020(), settings, np.array([4.0]), np.array([1.0]), np.array([0.1]))
    checkpoint.save(tmp_path / "model.pt", trained)
    command = [sys.executable, "-m", "learn.evaluate", tmp_path / "model.pt", graphs]
    command += [
        "--predictions",
        tmp_path / "predictions.h5",
        "--scores",
        tmp_path / "scores.csv",
        "--source",
        "lattice",
    ]
    subprocess.run(command, check=True)
    with open(tmp_path / "scores.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert tuple(row) == COLUMNS
    expected = {
        "source": "lattice",
        "temperature": "0.7",
        "time": "4",
        "model": "bapst2020",
        "seed": "5",
        "species": "A",
    }
    expected |= {"n_runs": "7", "n_train": "12", "n_test": "2", "ceiling_mean": f"{0.8**0.5:.6g}"}
    assert expected.items() <= row.items()
    with h5py.File(tmp_path / "predictions.h5") as file:
        assert sorted(file) == ["s0000", "s0005", "time"]
        sample = dataset.load(graphs, "s0005")
        np.testing.assert_array_equal(file["s0005/prediction"], trained.predict(sample.graph))
        each = []
        for name in ("s0000", "s0005"):
            sample = dataset.load(graphs, name)
            a = sample.graph.types == 0
            each.append(np.corrcoef(file[name]["prediction"][0][a], sample.propensity[1][a])[0, 1])
    assert float(row["pcc_mean"]) == pytest.approx(np.mean(each), abs=1e-5)
