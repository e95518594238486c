"""How the score grows with the range: statistics derived by hand, and targets whose range is known."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from analysis import reach, report
from analysis.figures import reach as drawn
from analysis.ranges import controls, linear, summary
from learn.models.linear import descriptors
from learn.models.linear import model as trained
from simulate.files import tables


def configuration(number: int, n: int = 400):
    """Random points at density 1.2: only distances matter here."""
    random = np.random.default_rng(number)
    box = np.full(3, (n / 1.2) ** (1 / 3))
    types = (random.random(n) < 0.2).astype(np.int8)
    graph = SimpleNamespace(types=types, box=box)
    sample = SimpleNamespace(graph=graph, quenched_positions=random.random((n, 3)) * box)
    return sample, random.normal(size=(n, 3)), random


def lattice(number: int, side: int = 9):
    """A jittered lattice with energies that differ from site to site, and a propensity as noisy as twenty runs."""
    random = np.random.default_rng(number)
    box, n = np.full(3, side / 1.2 ** (1 / 3)), side**3
    sites = np.stack(np.meshgrid(*[np.arange(side)] * 3), axis=-1).reshape(-1, 3)
    positions = sites * box / side + random.normal(scale=0.05, size=(n, 3))
    graph = SimpleNamespace(types=(random.random(n) < 0.2).astype(np.int8), box=box, positions=positions)
    measured = {"propensity": random.normal(size=(1, n)), "standard_error": np.full((1, n), 0.5)}
    return SimpleNamespace(graph=graph, quenched_positions=positions, **measured), random


def averaged(sample, own, generations):
    return descriptors.averages(own, sample.quenched_positions, sample.graph.box, trained.AVERAGING_LENGTH, generations)


def test_reach_is_interpolated_by_hand():
    ranges = np.array([0.0, 1.0, 3.0])
    # .95 lies three quarters of the way from .80 at 1 to 1.00 at 3.
    assert summary.reach(np.array([0.5, 0.8, 1.0]), ranges) == pytest.approx(2.5)
    assert summary.reach(np.array([0.96, 0.9, 1.0]), ranges) == 0


def test_errors_are_those_of_paired_differences():
    """Configurations that differ in their score but not in its share: the mean is uncertain, the share is not."""
    random = np.random.default_rng(0)
    level = 0.7 + 0.1 * random.normal(size=30)
    scores = np.array([0.5 * level, 0.8 * level, level])[:, None]
    found = summary.summarise(scores, np.array([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(found.share, [0.5, 0.8, 1.0])
    assert found.share_error.max() < 1e-12
    # Standard error of a mean of 30; a bootstrap of 200 is known to some 5 %.
    assert found.pcc_mean_error[-1] == pytest.approx(level.std(ddof=1) / np.sqrt(30), rel=0.25)


def test_spread_of_trainings_counts():
    scores = np.broadcast_to(np.array([0.6, 0.8])[:, None], (2, 2, 20)).copy()
    scores[0, 1] = 0.7
    found = summary.summarise(scores, np.array([0.0, 1.0]))
    # Two trainings of .6 and .7: the mean of two sampled ones has a standard deviation of .05 / sqrt(2).
    assert found.pcc_mean_error[0] == pytest.approx(0.05 / np.sqrt(2), rel=0.25)


@pytest.mark.parametrize("generations", [0, 1, 3])
def test_restricted_sums_are_those_of_fewer_generations(generations):
    """Against the model's own inputs of that many generations, computed from the particles."""
    sample, own, random = configuration(1)
    target = random.normal(size=(2, 400))
    whole = linear.sums(own, sample, target, 0, 4)
    found = linear.restricted(whole, 3, generations)
    of_a = sample.graph.types == 0
    averages = averaged(sample, own, generations)
    shells = [a - b for a, b in itertools.pairwise(averages)] + [averages[-1]]
    x = np.concatenate(shells, axis=1)[of_a]
    x = x - x.mean(axis=0)
    np.testing.assert_allclose(found.inputs, x.T @ x, atol=1e-9 * np.abs(x.T @ x).max())
    y = target[:, of_a].T - target[:, of_a].mean(axis=1)
    np.testing.assert_allclose(found.cross, x.T @ y, atol=1e-10 * np.abs(x.T @ y).max())


@pytest.mark.physics
def test_a_target_of_known_range_is_found_there_and_not_before():
    """The target is a particle's second average and noise: two generations score what noise allows, fewer less."""
    parts = []
    for number in range(8):
        sample, own, random = configuration(number)
        signal = averaged(sample, own, 2)[2, :, 0]
        noise = random.normal(size=400) * signal.std() / 2
        parts.append(linear.sums(own, sample, (signal + noise)[None], 0, 4))
    scores = np.array([linear.held_out([linear.restricted(part, 3, g) for part in parts]) for g in range(5)])
    mean = scores.mean(axis=(1, 2))
    # Correlation of a signal with itself and half as much noise: sqrt(4 / 5).
    assert mean[2] == pytest.approx(np.sqrt(0.8), abs=0.03)
    assert mean[0] < 0.7 * mean[2]
    assert mean[1] < mean[2] - 0.02
    np.testing.assert_allclose(mean[3:], mean[2], atol=0.02)


def test_nothing_is_learned_from_nothing():
    """The score of noise is 0 within its error: no configuration is scored by a model that saw it."""
    parts = []
    for number in range(8):
        sample, own, random = configuration(number)
        parts.append(linear.sums(own, sample, random.normal(size=(4, 400)), 0, 4))
    scores = linear.held_out(parts)
    # 32 correlations of some 320 particles each: their mean has a standard error of .01.
    assert abs(scores.mean()) < 0.04


def test_distances_of_a_chain():
    """Particles one averaging length short of two apart: each generation sees one step further along a line."""
    places = np.stack([np.arange(12) * 1.2, np.zeros(12), np.zeros(12)], axis=1)
    sample = SimpleNamespace(graph=SimpleNamespace(box=np.array([14.4, 9.0, 9.0])), quenched_positions=places)
    within, farthest = linear.distances(sample, 3)
    np.testing.assert_allclose(farthest, [0, 1.2, 2.4, 3.6], atol=1e-12)
    # One generation: itself 1, two neighbours exp(-.8) each; squared, they hold 29 % of all: more than 5 %.
    np.testing.assert_allclose(within[:2], [0, 1.2], atol=1e-12)


@pytest.mark.physics
def test_reach_grows_with_the_range_of_a_synthetic_propensity():
    """Sums over neighbours of exp(-r / length) u_j, and as much noise as twenty runs leave."""
    reached = []
    for length in (0.3, 1.0, 2.0):
        parts = []
        for number in range(6):
            sample, random = lattice(number)
            target = controls.synthetic(sample, length, random)
            own = linear.own_inputs(sample, ("energy",))
            parts.append(linear.sums(own, sample, target, 0, 8))
        scores = [linear.held_out([linear.restricted(part, own.shape[1], g) for part in parts]) for g in range(9)]
        within, _ = linear.distances(sample, 8)
        reached.append(summary.summarise(np.array(scores)[:, None, :, 0], within).reach)
    assert reached[0] < reached[1] < reached[2]


def test_figure_shows_what_the_tables_hold(tmp_path, monkeypatch):
    """Two temperatures with one time each; the report's sentence names both."""
    for temperature, own in ((0.5, 0.55), (1.0, 0.99)):
        scores = np.array([own, 0.97, 1.0])[:, None, None, None] * np.ones((3, 1, 4, 1)) * 0.7
        common = {"temperature": temperature, "model": "linear", "seed": 0, "species": "A", "n_train": 3, "n_test": 4}
        distances = (np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.5, 3.0]))
        every, reaches = reach.rows(scores, [0, 1, 2], distances, np.array([8.0]), common)
        tables.write(tmp_path / f"{temperature}.csv", summary.COLUMNS, every)
        tables.write(summary.beside(tmp_path / f"{temperature}.csv"), summary.REACH, reaches)
    files = [tmp_path / f"{temperature}.csv" for temperature in (0.5, 1.0)]
    output = tmp_path / "reach.svg"
    monkeypatch.setattr("sys.argv", ["reach", *map(str, files), "--output", str(output)])
    drawn.main()
    found = tables.rows(output.with_suffix(".csv"), ("temperature", "range_sigma", "share"))
    assert [float(row["share"]) for row in found] == pytest.approx([0.99, 0.97, 1, 0.55, 0.97, 1])
    # The reach at T = 0.5: 40 / 42 of the way from 0.55 to 0.97.
    sentence = report.reached([summary.beside(file) for file in files])
    assert "99 ± 0 % at T = 1 (t = 8 τ), 55 ± 0 % at T = 0.5 (t = 8 τ)" in sentence
    assert "1.0 ± 0.0 σ" in sentence
