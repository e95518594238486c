"""Decay lengths of response curves: recovered from curves of known length, with honest errors."""

import csv

import h5py
import numpy as np
import pytest

from analysis import response_length
from analysis.liquid.decay import decay
from analysis.response_length import Curve
from simulate.stage.command import InputError
from tests.analysis import figure_inputs


def curve(changes, kind="removal", x=None):
    """A curve from the changes (S, M, P) of marked particles, NaN where there is none."""
    x = np.arange(1.0, len(changes) + 1) if x is None else x
    counts = np.isfinite(changes).astype(float)
    return Curve(kind, "edges", np.nan, x, np.nan_to_num(changes**2), counts, 4.0)


def test_exponential_gives_its_length():
    shell = np.arange(1.0, 6.0)
    found = decay(shell, 0.3 * np.exp(-shell / 0.8), np.ones(5, bool))
    assert found.length == pytest.approx(0.8, rel=1e-12)
    assert (found.fit_from, found.fit_to, found.n_points) == (1, 5, 5)
    assert found.misfit == pytest.approx(0, abs=1e-12)


def test_two_shells_by_hand_and_the_misfit_of_three():
    two = decay(np.array([1.0, 2.0]), np.array([0.4, 0.1]), np.ones(2, bool))
    assert two.length == pytest.approx(1 / np.log(4))
    # log(change) = 0, -3, -3: slope -3/2, residuals 1/2, -1, 1/2.
    three = decay(np.arange(1.0, 4), np.exp([0.0, -3.0, -3.0]), np.ones(3, bool))
    assert three.length == pytest.approx(2 / 3)
    assert three.misfit == pytest.approx(np.sqrt(0.5))


def test_what_does_not_decay_has_no_length():
    both = np.ones(2, bool)
    assert decay(np.array([1.0, 2.0]), np.array([0.1, 0.2]), both).length == np.inf
    assert np.isnan(decay(np.array([1.0]), np.array([0.1]), np.ones(1, bool)).length)
    # A deaf network: no change at all.
    assert np.isnan(decay(np.array([1.0, 2.0]), np.zeros(2), both).length)


def test_the_error_predicts_the_scatter():
    """Changes of particles in configurations that differ in size: pulls of unit width, with and without clusters."""
    random = np.random.default_rng(0)
    shell, n, length = np.arange(1.0, 4.0), 150, 0.9
    case = np.repeat(np.arange(15), 10)
    for spread in (0.0, 0.5):
        pulls = []
        for _ in range(60):
            # How fast a configuration's answers fall differs by `spread` from one to the next.
            slope = 1 / length + spread * random.normal(size=15)[case] / 3
            changes = np.exp(-shell[:, None] * slope) * random.normal(size=(3, n))
            (row,) = response_length.lengths(curve(changes[:, None]), case, np.ones(1), 60)
            pulls.append((1 / row["length"] - 1 / length) * row["length"] ** 2 / row["length_error"])
        # 60 pulls: their deviation is known to 9 %, the bootstrap's own of 60 to 9 %; three of both.
        assert 0.6 < np.std(pulls) < 1.4


def test_shells_cut_down_by_the_box_are_left_out():
    changes = np.exp(-np.arange(1.0, 5.0))[:, None, None] * np.ones((4, 1, 100))
    changes[2, :, 60:] = np.nan
    changes[3, :, 10:] = np.nan
    changes[3] *= 100
    (row,) = response_length.lengths(curve(changes), np.zeros(100, int), np.ones(1), 5)
    assert (row["fit_to"], row["n_particles"]) == (3, 100)
    assert row["length"] == pytest.approx(1)
    assert row["length_error"] == pytest.approx(0, abs=1e-9)


def test_sensitivity_is_fitted_from_the_first_neighbours_to_rounding():
    x = np.arange(0.125, 6, 0.25)
    size = np.exp(-x / 0.3)
    size[x < 1] = 5.0
    # What is left of single precision beyond some distance.
    size[x > 5] = 1e-7
    found = curve(np.tile(size[:, None, None], (1, 1, 4)), "sensitivity", x)
    (row,) = response_length.lengths(found, np.arange(4), np.ones(1), 5)
    assert row["length"] == pytest.approx(0.3)
    assert row["fit_from"] == 1.125
    # 5 x 1e-6 = exp(-x / 0.3) at x = 3.7.
    assert row["fit_to"] == 3.625


def test_file_to_file(tmp_path, monkeypatch):
    figure_inputs.write_graphs(tmp_path / "graphs.h5")
    figure_inputs.write_responses(tmp_path / "a.h5", {"removal": 0.5}, (1,), control="untrained")
    figure_inputs.write_responses(tmp_path / "b.h5", {"removal": 0.5}, (3,), control="untrained")
    figure_inputs.write_responses(tmp_path / "c.h5", {"gradient": 0.7}, control="untrained", gradient=True)
    out = tmp_path / "out.csv"
    files = [str(tmp_path / f"{name}.h5") for name in "abc"]
    words = ["x", *files, "--output", str(out)]
    monkeypatch.setattr("sys.argv", words)
    response_length.main()
    with open(out) as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == response_length.COLUMNS
    found = {(row["kind"], row["time"]): row for row in rows}
    assert len(found) == len(rows) == 3 * 2
    for kind, length, limit in (
        ("removal", 0.5, 4),
        ("gradient", 0.7, 4),
        ("sensitivity", 0.4, figure_inputs.EDGE / 2),
    ):
        row = found[kind, "0.15"]
        assert float(row["length"]) == pytest.approx(length)
        assert float(row["box_limit"]) == limit
        assert (row["control"], row["temperature"]) == ("untrained", "0.7")
    figure_inputs.write_responses(tmp_path / "other.h5", {"gap": 0.5})
    with h5py.File(tmp_path / "other.h5", "r+") as file:
        file["full"][...] = 1.0
    with pytest.raises(InputError, match="its full differs"):
        response_length.read([tmp_path / "a.h5", tmp_path / "other.h5"])
