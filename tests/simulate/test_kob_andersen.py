"""The potential against a double loop written from the equation, published single points, and OpenMM."""

import functools
import itertools

import numpy as np
import openmm
import pytest

from simulate import energy
from simulate.files import formats as configuration
from simulate.liquid import dynamics, kob_andersen, platform
from simulate.liquid.box import wrap
from simulate.stage.command import InputError

# Independent of the module: (epsilon, sigma) of each pair of types.
PARAMETERS = {(0, 0): (1.0, 1.0), (0, 1): (1.5, 0.8), (1, 0): (1.5, 0.8), (1, 1): (0.5, 0.88)}

PRECISIONS = [("single", 1e-5), ("mixed", 1e-5), ("double", 1e-10)]


def mixture(seed: int, n: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random particles in an oblong box, some outside it, no two nearer than 0.75."""
    generator = np.random.default_rng(seed)
    box = np.array([5.1, 5.6, 6.3])
    places = []
    while len(places) < n:
        candidate = generator.uniform(-box, 2 * box)
        apart = [candidate - other for other in places]
        if all(np.linalg.norm(d - box * np.round(d / box)) > 0.75 for d in apart):
            places.append(candidate)
    return np.array(places), generator.integers(0, 2, n).astype(np.int8), box


@functools.cache
def double_loop(seed):
    """U shifted, U unshifted, forces, virial of a mixture: every pair, every image, from the equation."""
    positions, types, box = mixture(seed)
    shifted = unshifted = virial = 0.0
    forces = np.zeros_like(positions)
    for i, j in itertools.combinations(range(len(types)), 2):
        epsilon, sigma = PARAMETERS[types[i], types[j]]
        for image in itertools.product((-1, 0, 1), repeat=3):
            d = positions[j] - positions[i]
            d = d - box * np.round(d / box) + box * np.array(image)
            r = np.linalg.norm(d)
            if r >= 2.5 * sigma:
                continue
            bare = 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)
            at_cutoff = 4 * epsilon * (2.5**-12 - 2.5**-6)
            slope = 4 * epsilon * (-12 * sigma**12 / r**13 + 6 * sigma**6 / r**7)
            shifted, unshifted, virial = shifted + bare - at_cutoff, unshifted + bare, virial - slope * r
            forces[i] += slope * d / r
            forces[j] -= slope * d / r
    return shifted, unshifted, forces, virial


@pytest.mark.physics
@pytest.mark.parametrize("seed", range(3))
def test_potential_equals_double_loop(seed):
    positions, types, box = mixture(seed)
    shifted, unshifted, forces, virial = double_loop(seed)
    found = kob_andersen.evaluate(positions, types, box)
    # Both in double precision: only the order of sums differs.
    assert found.energy == pytest.approx(shifted, rel=1e-12)
    assert found.unshifted == pytest.approx(unshifted, rel=1e-12)
    assert found.virial == pytest.approx(virial, rel=1e-12)
    np.testing.assert_allclose(found.forces, forces, atol=1e-11 * np.abs(forces).max())


# GPUs: single precision sums of some 40 pair forces: 40 x 6e-8 of the largest.
@pytest.mark.physics
@pytest.mark.parametrize(
    ("name", "precision", "tolerance"),
    [("Reference", "mixed", 1e-10), ("CPU", "mixed", 1e-10)]
    + [(name, *rest) for name in platform.DEVICES for rest in PRECISIONS if name in platform.available()],
)
@pytest.mark.parametrize("seed", range(2))
def test_openmm_equals_double_loop(name, precision, tolerance, seed):
    positions, types, box = mixture(seed)
    shifted, _, forces, _ = double_loop(seed)
    device = platform.choose(name, precision=precision)
    context, _ = dynamics.context(types, box, openmm.VerletIntegrator(0.001), device)
    # Inside the box, as runs start: single precision far outside would round the positions.
    context.setPositions(wrap(positions, box))
    state = context.getState(energy=True, forces=True)
    assert state.getPotentialEnergy()._value == pytest.approx(shifted, rel=tolerance)
    found = state.getForces(asNumpy=True)._value
    np.testing.assert_allclose(found, forces, atol=tolerance * np.abs(forces).max())


@pytest.mark.physics
def test_published_configuration_has_the_known_energy_and_pressure(reference):
    path = reference / "botan" / "isoconfig_N4096T0.44_1_tc07.npz"
    found = energy.summary(configuration.read(path), 0.44)
    # Known to 8 decimals.
    assert found["energy_per_particle_unshifted"] == pytest.approx(-7.57686241, abs=1e-8)
    assert found["energy_per_particle"] == pytest.approx(-7.00789449, abs=1e-8)
    assert found["pressure"] == pytest.approx(3.03558753, abs=1e-8)
    assert found["directed_pairs"] == 166_484


@pytest.mark.physics
def test_pressure_is_the_volume_derivative_of_the_energy(liquid):
    """At zero temperature P = -dU/dV; only pairs that cross the cutoff, where the shifted energy is 0, are new."""
    volume, h = np.prod(liquid.box), 1e-5
    above, below = (
        kob_andersen.evaluate(liquid.positions * s, liquid.types, liquid.box * s).energy for s in (1 + h, 1 - h)
    )
    slope = (above - below) / (volume * ((1 + h) ** 3 - (1 - h) ** 3))
    virial = kob_andersen.evaluate(liquid.positions, liquid.types, liquid.box).virial
    assert virial / (3 * volume) == pytest.approx(-slope, abs=1e-3)


def test_composition_and_density():
    types = kob_andersen.composition(4096)
    assert (types == 0).sum() == 3277
    assert (types == 1).sum() == 819
    assert 4096 / np.prod(kob_andersen.cubic_box(4096)) == pytest.approx(1.2)


@pytest.mark.parametrize(("temperature", "known"), [(2.0, 0.35), (0.7, 4.5), (0.45, 1190)])
def test_expected_tau_alpha_keeps_tabulated_values_and_grows_on_cooling(temperature, known):
    assert kob_andersen.expected_tau_alpha(temperature) == pytest.approx(known)
    assert kob_andersen.expected_tau_alpha(0.98 * temperature) > known


def test_overlap_and_small_box_are_named():
    box = np.full(3, 6.0)
    near = np.array([[0.1, 0, 0], [5.8, 0, 0], [3, 3, 3.0]])
    with pytest.raises(InputError, match=r"particles 0 and 1 overlap: 0[.]300 apart"):
        kob_andersen.check_overlap(near, np.zeros(3, dtype=int), box)
    with pytest.raises(InputError, match=r"shortest edge 4[.]900, expected at least two cutoffs"):
        kob_andersen.evaluate(near, np.zeros(3, dtype=int), np.full(3, 4.9))
