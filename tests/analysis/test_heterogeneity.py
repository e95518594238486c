"""Heterogeneity of fields made to have known correlations, widths and susceptibilities."""

import numpy as np
import pytest

from analysis import heterogeneity
from simulate.files import store
from tests.analysis import figure_inputs

BOX = np.full(3, 12.0)
EDGES = np.arange(0, 6.01, 0.4)
# No noise, no covariance, of one pair.
NOTHING = (np.zeros(1), np.zeros((1, 1)), np.ones(1))


def correlated_field(n, length, n_configurations, seed=0):
    """Gaussian fields with the covariance exp(-r / length), r the minimum-image distance: (S, N, 3), (S, 1, N)."""
    generator = np.random.default_rng(seed)
    places, fields = [], []
    for _ in range(n_configurations):
        positions = generator.uniform(0, 12, (n, 3))
        vectors = positions[:, None] - positions[None]
        vectors -= BOX * np.rint(vectors / BOX)
        covariance = np.exp(-np.linalg.norm(vectors, axis=-1) / length) + 1e-6 * np.eye(n)
        places.append(positions)
        fields.append(np.linalg.cholesky(covariance) @ generator.normal(size=n))
    return places, np.array(fields)[:, None]


def test_covariance_counts_every_pair_once():
    generator = np.random.default_rng(1)
    positions, values = generator.uniform(-6, 18, (40, 3)), generator.normal(size=(2, 40))
    total, count = heterogeneity.spatial_covariance(positions, BOX, values, np.array([0.0, 100.0]))
    assert count == 780
    # Deviations from the mean sum to zero: all pairs together give minus half of the sum of squares.
    np.testing.assert_allclose(total[:, 0], -values.var(axis=1) * 40 / 2)


def test_known_correlation_length_is_found():
    places, fields = correlated_field(400, 1.5, 30)
    sums = [heterogeneity.spatial_covariance(p, BOX, v, EDGES) for p, v in zip(places, fields, strict=True)]
    covariance, count = sum(s[0] for s in sums), sum(s[1] for s in sums)
    # Not `describe`: the variance within a small box falls short of one.
    r = (EDGES[1:] + EDGES[:-1]) / 2
    correlation = (covariance / count)[0] / np.mean([field.var() for field in fields])
    # The mean that each box subtracts lowers the tail: short of 1.5, by up to a quarter at L = 8 lengths.
    assert heterogeneity.correlation_length(r, correlation, smallest=0.1) == pytest.approx(1.4, abs=0.35)
    independent = np.random.default_rng(3).normal(size=fields.shape)
    sums = [heterogeneity.spatial_covariance(p, BOX, v, EDGES) for p, v in zip(places, independent, strict=True)]
    none = (sum(s[0] for s in sums) / count)[0]
    # Per bin some 10^4 to 10^5 pairs: standard error 1 / sqrt(count).
    assert np.abs(none * np.sqrt(count))[1:].max() < 4.5


def test_exact_exponential():
    r = np.arange(0.1, 6, 0.2)
    assert heterogeneity.correlation_length(r, 0.7 * np.exp(-r / 1.1)) == pytest.approx(1.1)
    assert np.isnan(heterogeneity.correlation_length(r, np.zeros(len(r))))


def test_noise_is_taken_out_of_the_normalisation():
    """A field correlated at all distances of a bin, measured with noise: C(r) of the field without noise."""
    generator = np.random.default_rng(5)
    truth = generator.normal(3, 0.5, (1, 20_000))
    measured = truth + generator.normal(0, 0.7, truth.shape)
    # Covariance of the true field with itself, as if every pair were one particle: C = 1.
    covariance = np.array([[0.25 * 100]])
    part = heterogeneity.Part(measured, np.array([0.49]), covariance, np.array([100]))
    found = heterogeneity.describe([part], np.ones(1))
    # Variance 0.74 known to 1 % (0.0074), less 0.49: 3 % of 0.25; three of these.
    assert found["correlation"][0, 0] == pytest.approx(1, rel=0.09)
    assert found["relative_width"][0] == pytest.approx(np.sqrt(0.74) / 3, rel=0.03)


def test_distribution_is_normalised_and_as_wide_as_a_gamma():
    values = np.random.default_rng(6).gamma(4, 0.2, (1, 50_000))
    found = heterogeneity.describe([heterogeneity.Part(values, *NOTHING)], np.ones(1))
    assert (found["density"][0] * np.diff(heterogeneity.HISTOGRAM_EDGES)).sum() == pytest.approx(1, abs=1e-3)
    assert found["relative_width"][0] == pytest.approx(0.5, rel=0.02)


def test_file_to_file(tmp_path, monkeypatch):
    figure_inputs.write_graphs(tmp_path / "graphs.h5")
    words = [tmp_path / "graphs.h5", tmp_path / "out.h5", "--predictions", tmp_path / "predictions.h5", "--table"]
    monkeypatch.setattr("sys.argv", ["x", *map(str, words), str(tmp_path / "table.csv")])
    heterogeneity.main()
    found = store.read(tmp_path / "out.h5", "heterogeneity")
    assert found["correlation_true"].shape == found["correlation_predicted"].shape == (2, len(found["r"]))
    # The stated truth: Gamma(4) over both samples, predictions 0.5 truth + 0.2 with mean 0.4 and noise 0.1.
    np.testing.assert_allclose(found["relative_width_true"], 0.5, rtol=0.15)
    np.testing.assert_allclose(found["relative_width_predicted"], np.sqrt(0.1**2 + 0.1**2) / 0.4, rtol=0.15)
    assert len((tmp_path / "table.csv").read_text().splitlines()) == 1 + 2 * 2


def test_jackknife_error_predicts_the_scatter():
    """Relative widths and susceptibilities of 12 configurations: the error is the deviation from set to set."""
    random = np.random.default_rng(7)
    found = []
    for _ in range(80):
        # Configurations differ in their means by 10 %.
        values = [random.gamma(4, 0.1 * random.normal(1, 0.1), (1, 300)) for _ in range(12)]
        parts = [heterogeneity.Part(of, *NOTHING) for of in values]
        found.append(heterogeneity.with_errors(parts, np.ones(1)))
    for name in ("mean", "relative_width", "susceptibility"):
        scatter = np.std([one[name] for one in found])
        # 80 sets: 8 % of a deviation; a variance over 12 configurations varies by 40 % itself, its jackknife more.
        assert np.sqrt(np.mean([one[f"{name}_error"] ** 2 for one in found])) == pytest.approx(scatter, rel=0.35)
    assert np.isnan(heterogeneity.with_errors(parts[:2], np.ones(1))["mean_error"]).all()
