import numpy as np
import pytest
from scipy.special import sph_harm_y

from learn.models.linear import descriptors
from simulate.stage.command import InputError

NEAREST = 1.1


@pytest.fixture(scope="module")
def fcc():
    """500 particles on a face-centred cubic lattice with nearest neighbours 1.1 apart."""
    edge = NEAREST * 2**0.5
    cell = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    corners = np.stack(np.meshgrid(*[np.arange(5)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    return ((corners + cell) * edge).reshape(-1, 3), np.full(3, 5 * edge)


def test_an_fcc_lattice_has_twelve_neighbours_and_its_published_bond_order(fcc):
    positions, box = fcc
    np.testing.assert_array_equal(descriptors.coordination(positions, box), 12)
    near = descriptors.neighbours(positions, box, descriptors.REACH)
    order = descriptors.bond_orders(near, np.array([NEAREST]), 0.1, np.array([4, 6]))
    # Steinhardt, Nelson and Ronchetti, Phys. Rev. B 28, 784 (1983): q4 = 0.19094, q6 = 0.57452.
    np.testing.assert_allclose(order, np.tile([0.19094, 0.57452], (500, 1)), atol=2e-5)


def test_radial_densities_integrate_to_the_number_of_neighbours(fcc):
    positions, box = fcc
    types = np.zeros(len(positions), dtype=np.int8)
    types[0] = 1
    near = descriptors.neighbours(positions, box, descriptors.REACH)
    density = descriptors.radial_densities(near, types).reshape(500, 2, -1)
    step = np.diff(descriptors.RADIAL_CENTRES)[0]
    # Up to 1.75 lie the shells of 12 (at 1.1) and 6 (at 1.556) neighbours.
    below = descriptors.RADIAL_CENTRES < 1.75
    number = density[:, :, below].sum(axis=2) * step / (descriptors.RADIAL_WIDTH * (2 * np.pi) ** 0.5)
    np.testing.assert_allclose(number.sum(axis=1), 18, rtol=1e-3)
    assert number[0, 1] < 1e-6  # The only B does not see itself ...
    np.testing.assert_allclose(number[:, 1].sum(), 18, rtol=1e-3)  # ... and eighteen others see it.


def test_cells_fill_the_box(fcc, glass):
    positions, box = fcc
    np.testing.assert_allclose(descriptors.local_density(positions, box), 500 / box.prod(), rtol=1e-5)
    _, _, box, place = glass(0)
    np.testing.assert_allclose((1 / descriptors.local_density(place, box)).sum(), box.prod(), rtol=1e-5)


def test_spherical_harmonics_are_scipys():
    vectors = np.random.default_rng(0).normal(size=(50, 3))
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    found = descriptors.spherical_harmonics(vectors, 12)
    polar, azimuth = np.arccos(vectors[:, 2]), np.arctan2(vectors[:, 1], vectors[:, 0])
    expected = [sph_harm_y(order, m, polar, azimuth) for order in range(13) for m in range(order + 1)]
    np.testing.assert_allclose(found, np.stack(expected, axis=1), atol=1e-6)


def everything(positions, types, box):
    near = descriptors.neighbours(positions, box, descriptors.REACH)
    columns = [descriptors.radial_densities(near, types), descriptors.bond_orders(near)]
    columns += [descriptors.coordination(positions, box)[:, None], descriptors.local_density(positions, box)[:, None]]
    values = np.concatenate(columns, axis=1)
    return np.concatenate(list(descriptors.averages(values, positions, box, 1.5, 2)), axis=1)


@pytest.mark.parametrize("change", ["moved", "turned", "mirrored", "renumbered"])
def test_descriptors_do_not_depend_on_the_frame(glass, change):
    positions, types, box, _ = glass(1)
    expected = everything(positions, types, box)
    order = np.arange(len(types))
    if change == "moved":
        # By no whole number of box edges: other particles lie at the border.
        positions = positions + np.array([1.234, -7.7, 30.1])
    elif change == "turned":
        positions = positions[:, [1, 0, 2]] * [-1, 1, 1]
    elif change == "mirrored":
        positions = positions * [1, 1, -1]
    else:
        order = np.random.default_rng(0).permutation(len(types))
        positions, types = positions[order], types[order]
    # freud computes Voronoi cells in single precision, harmonics are kept in it.
    np.testing.assert_allclose(everything(positions, types, box), expected[order], rtol=2e-4, atol=2e-4)


def test_averages_keep_constants_and_reach_one_length_per_generation(glass):
    _, _, box, place = glass(2)
    one = np.zeros((len(place), 2))
    one[:, 0], one[7, 1] = 3.0, 1.0
    found = descriptors.averages(one, place, box, 1.2, 2)
    np.testing.assert_allclose(found[:, :, 0], 3.0)
    vectors = place - place[7]
    distance = np.linalg.norm(vectors - box * np.rint(vectors / box), axis=1)
    for generation in (0, 1, 2):
        assert (found[generation, distance > 1.2 * generation + 1e-6, 1] == 0).all()
    assert (found[1, distance < 1.19, 1] > 0).all()


def test_thermal_displacement_forgets_boxes_and_the_common_motion(glass):
    positions, _, box, place = glass(3)
    expected = descriptors.thermal_displacement(positions, place, box)
    moved = positions + np.array([0.3, 0, -0.2])
    moved[5] += [box[0], 0, 0]
    np.testing.assert_allclose(descriptors.thermal_displacement(moved, place, box), expected, atol=1e-12)


def test_a_box_too_small_for_the_reach_is_refused():
    with pytest.raises(InputError, match="two cutoffs"):
        descriptors.neighbours(np.zeros((2, 3)), np.full(3, 3.0), 2.0)
