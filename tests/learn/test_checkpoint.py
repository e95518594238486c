import numpy as np
import pytest
import torch

from learn.graph import build
from learn.models import checkpoint
from learn.models.bapst2020.model import Bapst2020
from learn.models.checkpoint import Trained
from simulate.liquid.configuration import Configuration


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
