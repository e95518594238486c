"""The scattering function in limits that can be derived on paper."""

import numpy as np
import pytest

from simulate.liquid.scattering import self_intermediate_scattering

pytestmark = pytest.mark.physics


def test_gaussian_displacements_give_the_gaussian_scattering_function():
    """F_s = exp(-k^2 msd / 6) for Gaussian displacements."""
    msd = 0.05
    steps = np.random.default_rng(0).normal(0, np.sqrt(msd / 3), (200_000, 3))
    found = self_intermediate_scattering(np.linalg.norm(steps, axis=1))
    # Standard error of the mean of sin(x)/x, whose deviation is below 0.3: 7e-4; four of these.
    assert found == pytest.approx(np.exp(-(7.25**2) * msd / 6), abs=0.003)


def test_scattering_is_the_average_over_directions_of_k():
    displacement = np.array([0.31, -0.12, 0.2])
    directions = np.random.default_rng(1).normal(size=(400_000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    averaged = np.cos(7.25 * directions @ displacement).mean()
    found = self_intermediate_scattering(np.linalg.norm(displacement)[None])
    # Deviation of a cosine at most 0.71, over sqrt(400000): 1.1e-3; three of these.
    assert found == pytest.approx(averaged, abs=0.0035)
