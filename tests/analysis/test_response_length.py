"""Decay lengths of response curves: recovered from curves of known length, with honest errors."""

import csv

import numpy as np
import pytest

from analysis import response_length, shells
from simulate.command import InputError


def test_exponential_gives_its_length():
    shell = np.arange(1.0, 6.0)
    found = response_length.decay(shell, 0.3 * np.exp(-shell / 0.8), np.full(5, 200.0))
    assert found.length == pytest.approx(0.8, rel=1e-12)
    assert (found.fit_from, found.fit_to, found.n_shells) == (1, 5, 5)


def test_two_shells_by_hand():
    found = response_length.decay(np.array([1.0, 2.0]), np.array([0.4, 0.1]), np.array([50, 50]))
    assert found.length == pytest.approx(1 / np.log(4))
    # log(change) is known to 1/sqrt(100) = 0.1 at each of two points one apart: the slope to 0.1 sqrt 2.
    assert found.error == pytest.approx(0.1 * np.sqrt(2) / np.log(4) ** 2)


def test_error_predicts_the_scatter():
    """Root mean squares of n Gaussian numbers around an exponential: pulls of unit width."""
    generator = np.random.default_rng(0)
    shell, n, length = np.arange(1.0, 5.0), 200, 0.9
    pulls = []
    for _ in range(300):
        changes = np.exp(-shell / length)[:, None] * generator.normal(size=(4, n))
        found = response_length.decay(shell, np.sqrt((changes**2).mean(axis=1)), np.full(4, n))
        pulls.append((found.length - length) / found.error)
    # 300 pulls: their deviation is known to 4 %; enlarged errors where chi^2 is high make it smaller than one.
    assert 0.7 < np.std(pulls) < 1.1
    assert abs(np.mean(pulls)) < 0.25


def test_what_does_not_decay_has_no_length():
    assert response_length.decay(np.array([1.0, 2.0]), np.array([0.1, 0.2]), np.full(2, 10)).length == np.inf
    assert np.isnan(response_length.decay(np.array([1.0]), np.array([0.1]), np.array([10])).length)
    # A deaf network: no change at all.
    assert np.isnan(response_length.decay(np.array([1.0, 2.0]), np.zeros(2), np.full(2, 10)).length)


def test_shells_cut_down_by_the_box_are_left_out():
    shell = np.arange(1.0, 5.0)
    change = np.exp(-shell)
    change[3] = 5.0
    found = response_length.decay(shell, change, np.array([100, 100, 60, 10]))
    assert found.fit_to == 3
    assert found.length == pytest.approx(1)


def test_file_to_file(tmp_path, monkeypatch):
    rows = [
        {"kind": "gap", "shell": h, "delta": d, "n_particles": n, "rms_change": d * np.exp(-h / 2)}
        for d in (0.01, 0.1)
        for h, n in ((1, 40), (2, 40), (3, 0))
    ]
    for row in rows:
        row["rms_change"] = row["rms_change"] if row["n_particles"] else np.nan
        row |= {"correlation_with_full": np.nan, "correlation_with_truth": np.nan}
    shells.write(tmp_path / "in.csv", rows, shells.COLUMNS)
    out = tmp_path / "out.csv"
    words = ["x", str(tmp_path / "in.csv"), "--output", str(out), "--temperatures", "0.7", "--times", "4.5"]
    monkeypatch.setattr("sys.argv", words)
    response_length.main()
    with open(out) as file:
        found = list(csv.DictReader(file))
    assert [float(row["delta"]) for row in found] == [0.01, 0.1]
    for row in found:
        assert float(row["length"]) == pytest.approx(2)
        assert (row["temperature"], row["time"], row["largest_shell"]) == ("0.7", "4.5", "2.0")
    (tmp_path / "bad.csv").write_text("shell\n1\n")
    with pytest.raises(InputError, match="no column 'kind'"):
        response_length.read(tmp_path / "bad.csv")
