"""Transfer: the same numbers as an evaluation at home, and known correlations abroad."""

import csv

import numpy as np
import pytest
import torch

from analysis import transfer
from learn.data import dataset
from learn.models import checkpoint
from learn.models.bapst2020.model import Bapst2020
from learn.models.model import Trained
from simulate.files import store
from simulate.stage.command import InputError
from tests.analysis import figure_inputs


@pytest.fixture
def model(tmp_path):
    torch.manual_seed(0)
    settings = {"model": "bapst2020", "cutoff": 2.0, "seed": 3, "temperature": 0.7}
    trained = Trained(Bapst2020(outputs=2), settings, np.array([0.15, 2.0]), np.zeros(2), np.ones(2))
    checkpoint.save(tmp_path / "model.pt", trained)
    return tmp_path / "model.pt"


def graphs_of(folder, model, temperature, slope):
    """A graphs.h5 whose propensity is `slope` times what the model predicts for its first time, at both times."""
    folder.mkdir()
    figure_inputs.write_graphs(folder / "graphs.h5", temperature)
    trained = checkpoint.load(model)
    import h5py

    with h5py.File(folder / "graphs.h5", "r+") as file:
        for name in figure_inputs.SAMPLES:
            file[name].attrs["identity"] = name
        file.flush()
    for name in figure_inputs.SAMPLES:
        prediction = trained.predict(dataset.load(folder / "graphs.h5", name).configuration)
        with h5py.File(folder / "graphs.h5", "r+") as file:
            file[name]["propensity"][...] = slope * prediction[[0, 0]]
            file[name]["standard_error"][...] = 0.0
    return folder / "graphs.h5"


def test_matrix_of_known_correlations(tmp_path, model):
    """Propensities proportional to the first output: r = 1 and -1, whatever the time and the scale."""
    home, away = graphs_of(tmp_path / "a", model, 0.7, 2.0), graphs_of(tmp_path / "b", model, 1.0, -5.0)
    rows = transfer.matrix([model], [home, away])
    assert len(rows) == 2 * 2 * 2
    for row in rows:
        sign = 1 if row["temperature"] == 0.7 else -1
        assert row["trained_temperature"] == 0.7
        assert row["ceiling_mean"] == pytest.approx(1)
        if row["trained_time"] == 0.15:
            assert row["pcc_mean"] == pytest.approx(sign, abs=1e-5)
        else:
            assert abs(row["pcc_mean"]) < 0.999
    assert {row["time"] for row in rows} == {0.15, 2.0}
    assert {row["n_test"] for row in rows} == {2}


def test_file_to_file(tmp_path, model, monkeypatch):
    graphs = graphs_of(tmp_path / "a", model, 0.7, 1.0)
    words = ["x", tmp_path / "out.csv", "--models", model, "--graphs", graphs]
    monkeypatch.setattr("sys.argv", [str(word) for word in words])
    transfer.main()
    with open(tmp_path / "out.csv") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == transfer.COLUMNS
    assert len(rows) == 4
    store.write(tmp_path / "none.h5", "graphs", {"time": np.array([1.0])}, {})
    with pytest.raises(InputError, match="no test samples"):
        transfer.matrix([model], [tmp_path / "none.h5"])
