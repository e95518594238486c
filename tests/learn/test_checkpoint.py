import json
import pickle

import h5py
import numpy as np
import pytest
import torch

from learn import checkpoint
from learn.checkpoint import Trained
from learn.graph import build
from learn.model import Bapst2020
from simulate.command import InputError
from simulate.configuration import Configuration


@pytest.fixture
def trained():
    torch.manual_seed(0)
    time, mean, scale = np.array([0.5, 4.0]), np.array([0.2, 0.6]), np.array([0.05, 0.2])
    return Trained(Bapst2020(outputs=2), {"model": "bapst2020", "cutoff": 2.0, "seed": 3}, time, mean, scale)


def test_predictions_survive_the_disk(trained, structure, tmp_path):
    graph = build(*structure(0))
    checkpoint.save(tmp_path / "model.pt", trained)
    again = checkpoint.load(tmp_path / "model.pt")
    assert again.settings == trained.settings
    assert again.provenance["seed"] == 3
    np.testing.assert_array_equal(again.time, trained.time)
    np.testing.assert_array_equal(again.predict(graph), trained.predict(graph))


def test_predictions_are_in_physical_units(trained, structure):
    graph = build(*structure(0))
    with torch.no_grad():
        output = trained.network(*checkpoint.tensors(graph)).numpy().astype(np.float64)
    np.testing.assert_allclose(trained.predict(graph)[1], 0.6 + 0.2 * output[:, 1], rtol=1e-12)
    # The same from a configuration, whose graph has the cutoff of the settings.
    np.testing.assert_array_equal(trained.predict(Configuration(*structure(0))), trained.predict(graph))
    trained.settings["cutoff"] = 1.5
    expected = trained.predict(build(*structure(0), cutoff=1.5))
    np.testing.assert_array_equal(trained.predict(Configuration(*structure(0))), expected)


class Attack:
    def __reduce__(self):
        return print, ("code ran",)


def foreign(path, kind):
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("a letter")
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(Attack()))
    elif kind == "attack":
        torch.save({"kind": checkpoint.KIND, "schema": 1, "weights": Attack()}, path)
    elif kind == "list":
        torch.save([1, 2], path)
    elif kind == "weights":
        torch.save(torch.nn.Linear(2, 2).state_dict(), path)
    elif kind == "hdf5":
        h5py.File(path, "w").close()


@pytest.mark.parametrize("kind", ["empty", "text", "pickle", "attack", "list", "weights", "hdf5"])
def test_foreign_files_are_refused_and_run_no_code(kind, tmp_path, capsys):
    path = tmp_path / "model.pt"
    foreign(path, kind)
    with pytest.raises(InputError, match=r"model\.pt"):
        checkpoint.load(path)
    assert "code ran" not in capsys.readouterr().out


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        checkpoint.load(tmp_path / "model.pt")


@pytest.mark.parametrize("part", [0.3, 0.9, 0.999])
def test_truncated_files(trained, part, tmp_path):
    path = tmp_path / "model.pt"
    checkpoint.save(path, trained)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(InputError, match="truncated"):
        checkpoint.load(path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("schema", 99, "schema 1"),
        ("settings", json.dumps({"model": "gpt"}), "unknown or missing 'gpt'"),
        ("time", torch.zeros(3), "do not fit"),
        ("weights", {}, "do not fit"),
    ],
)
def test_other_contents(trained, key, value, message, tmp_path):
    path = tmp_path / "model.pt"
    checkpoint.save(path, trained)
    torch.save(torch.load(path, weights_only=True) | {key: value}, path)
    with pytest.raises(InputError, match=message):
        checkpoint.load(path)
