import shutil
import subprocess
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch

from learn.data.domain import outside
from learn.models import checkpoint
from learn.models.bapst2020.model import Bapst2020
from learn.models.model import Trained
from simulate.files import formats, store
from simulate.liquid.box import wrap
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


SETTINGS = {"temperature": 0.44}


def far(change, found):
    """What is said of a changed configuration."""
    changed = replace(found)
    change(changed)
    return outside(changed, SETTINGS)


def expand(found):
    found.positions, found.box = found.positions * 1.1, found.box * 1.1


def slab(found):
    """Squeezed into three quarters of the box's height, which leaves its density as it was."""
    found.positions = wrap(found.positions, found.box) * [1, 1, 0.75]


def gas(found):
    found.positions = np.random.default_rng(0).uniform(size=found.positions.shape) * found.box


def swap(found):
    found.types = 1 - found.types


def warm(found):
    found.temperature = 1.5


@pytest.mark.parametrize(
    ("change", "said"),
    [(expand, "density 0.902"), (slab, "empty space"), (gas, "empty space"), (swap, "80% B"), (warm, "T = 1.5")],
)
def test_what_lies_far_from_the_liquid_is_said(change, said, reference):
    found = formats.read(reference / "botan" / "isoconfig_N4096T0.44_3_tc07.npz")
    assert outside(found, SETTINGS) == ""
    text = far(change, found)
    assert text.startswith(said)
    assert text.endswith("far from the liquid that the model was trained on, density 1.2, T = 0.44, 20% B")


def test_a_prediction_far_from_the_liquid_is_made_with_a_warning(model, sample_folders, tmp_path):
    with h5py.File(shutil.copy(sample_folders[1] / "sample.h5", tmp_path / "thin.h5"), "a") as file:
        file["box"][...] *= 1.5
    result = predict(model, tmp_path / "thin.h5", tmp_path / "out.h5")
    assert result.returncode == 0
    assert "warning: " in result.stderr
    assert "density" in result.stderr
    assert store.read(tmp_path / "out.h5", "prediction")["propensity"].shape == (2, 125)
