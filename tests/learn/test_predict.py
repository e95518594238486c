import subprocess
import sys

import numpy as np
import pytest
import torch

from learn.models import checkpoint
from learn.models.bapst2020.model import Bapst2020
from learn.models.model import Trained
from simulate.files import store
from simulate.liquid.configuration import Configuration


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.manual_seed(0)
    time = np.array([0.5, 4.0])
    trained = Trained(Bapst2020(2), {"model": "bapst2020", "cutoff": 2.0}, time, np.ones(2), np.ones(2))
    path = tmp_path_factory.mktemp("model") / "model.pt"
    checkpoint.save(path, trained)
    return path


def predict(*arguments):
    command = [sys.executable, "-m", "learn.predict", *map(str, arguments), "--threads", "1"]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_our_own_files(model, sample_folders, structure, tmp_path):
    result = predict(model, sample_folders[1] / "sample.h5", tmp_path / "out.h5")
    assert result.returncode == 0, result.stderr
    contents = store.read(tmp_path / "out.h5")
    np.testing.assert_array_equal(contents["time"], [0.5, 4.0])
    assert contents["propensity"].shape == (2, 125)
    expected = checkpoint.load(model).predict(Configuration(*structure(1)))
    np.testing.assert_allclose(contents["propensity"], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "n"), [("botan/isoconfig_N4096T0.44_3_tc07.npz", 4096), ("deepmind/test_small.pickle", 20)]
)
def test_the_public_formats(model, reference, name, n, tmp_path):
    result = predict(model, reference / name, tmp_path / "out.h5")
    assert result.returncode == 0, result.stderr
    assert store.read(tmp_path / "out.h5")["propensity"].shape == (2, n)
