"""Fields of one configuration: measured and predicted ones belong together."""

import numpy as np
import pytest

from analysis.liquid import propensity_field as fields
from simulate.files import store
from simulate.stage.command import InputError
from tests.analysis import figure_inputs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fields")
    figure_inputs.write_graphs(folder / "graphs.h5")
    return folder


def test_fields_take_every_time_from_its_own_file(folder, tmp_path):
    """Predictions at single times, given in any order, meet the simulation at the same times."""
    whole = fields.read(folder / "graphs.h5", [folder / "predictions.h5"])
    assert whole.sample == "s0003"
    for index, time in enumerate(figure_inputs.TIME):
        with store.create(tmp_path / f"{index}.h5", "predictions", {}) as file:
            file["time"] = [time]
            file.create_group("s0003")["prediction"] = whole.prediction[[index]]
    joined = fields.read(folder / "graphs.h5", [tmp_path / "1.h5", tmp_path / "0.h5"])
    np.testing.assert_array_equal(joined.time, whole.time)
    np.testing.assert_array_equal(joined.prediction, whole.prediction)
    single = fields.read(folder / "graphs.h5", [tmp_path / "1.h5"])
    np.testing.assert_array_equal(single.truth, whole.truth[[1]])


def test_a_prediction_at_another_time_is_refused(folder, tmp_path):
    with store.create(tmp_path / "p.h5", "predictions", {}) as file:
        file["time"] = [0.3]
        file.create_group("s0003")["prediction"] = np.zeros((1, 200))
    with pytest.raises(InputError, match=r"p\.h5, beside .*: no time 0\.3"):
        fields.read(folder / "graphs.h5", [tmp_path / "p.h5"])
