import numpy as np
import pytest
import torch

from learn.models import MODELS, checkpoint
from learn.models.bapst2020.model import Bapst2020
from learn.models.model import Trained
from learn.predict import PRETRAINED
from simulate.liquid.configuration import Configuration


@pytest.fixture
def trained():
    torch.manual_seed(0)
    time, mean, scale = np.array([0.5, 4.0]), np.array([0.2, 0.6]), np.array([0.05, 0.2])
    return Trained(Bapst2020(outputs=2), {"model": "bapst2020", "cutoff": 2.0, "seed": 3}, time, mean, scale)


def test_predictions_survive_the_disk(trained, structure, tmp_path):
    configuration = Configuration(*structure(0))
    checkpoint.save(tmp_path / "model.pt", trained)
    again = checkpoint.load(tmp_path / "model.pt")
    assert again.settings == trained.settings
    assert again.provenance["seed"] == 3
    np.testing.assert_array_equal(again.time, trained.time)
    np.testing.assert_array_equal(again.predict(configuration), trained.predict(configuration))


def test_predictions_are_in_physical_units(trained, structure):
    configuration = Configuration(*structure(0))
    with torch.no_grad():
        output = trained.network(trained.network.inputs(configuration)).numpy().astype(np.float64)
    np.testing.assert_allclose(trained.predict(configuration)[1], 0.6 + 0.2 * output[:, 1], rtol=1e-12)


def test_an_ensemble_predicts_the_mean_of_its_members_and_their_spread(trained, structure):
    """Members 1, 2 and 6 at the first time: mean 3, standard deviation sqrt(7)."""

    class Ensemble(Bapst2020):
        def members(self, inputs):
            return torch.tensor([1.0, 2.0, 6.0])[:, None, None].expand(3, len(inputs.types), 2)

    trained = Trained(Ensemble(2), trained.settings, trained.time, trained.mean, trained.scale)
    mean, spread = trained.propensity(trained.network.inputs(Configuration(*structure(0))))
    np.testing.assert_allclose(mean[:, 5], [0.2 + 0.05 * 3, 0.6 + 0.2 * 3])
    np.testing.assert_allclose(spread[:, 5], np.array([0.05, 0.2]) * 7**0.5)


def test_models_of_earlier_versions_are_read(structure):
    """Weights of other names, and the linear model under the name that it had: the pretrained files."""
    for path in sorted(PRETRAINED.glob("*.pt")):
        found = checkpoint.load(path)
        assert found.settings["model"] in MODELS
        assert found.temperature in (0.44, 0.56, 0.64, 0.8)
