"""Static descriptors of each particle's surroundings, and their averages over neighbours.

Radial and bond-orientational densities and their averages follow Boattini, Smallenburg and Filion, Phys. Rev. Lett.
127, 088007 (2021). Everything here is invariant under translation, rotation and reflection of the configuration, and
follows the particles when they are renumbered. Lengths in sigma_AA; N particles.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from simulate.liquid.box import minimum_image, neighbour_pairs, wrap

if TYPE_CHECKING:
    import freud

RADIAL_CENTRES = np.arange(0.80, 2.001, 0.04)
RADIAL_WIDTH = 0.04
ANGULAR_CENTRES = np.arange(1.0, 2.001, 0.1)
ANGULAR_WIDTH = 0.1
ORDERS = np.arange(1, 13)
# The widest radial bin and four of its widths.
REACH = 2.2
# The first minimum of g_AA(r).
FIRST_SHELL = 1.4
AVERAGING_LENGTH = 2.0


@dataclass
class Neighbours:
    """Directed pairs closer than a cutoff, without self-pairs, sorted by centre.

    centre, other (P,) particle indices, vectors (P, 3) = r_other - r_centre, distances (P,).
    """

    centre: np.ndarray
    other: np.ndarray
    vectors: np.ndarray
    distances: np.ndarray
    n_particles: int

    def matrix(self, weights: np.ndarray) -> sparse.csr_matrix:
        """Return the sparse (N, N) matrix with one weight per pair."""
        return sparse.csr_matrix((weights, (self.centre, self.other)), shape=(self.n_particles, self.n_particles))


def neighbours(positions: np.ndarray, box: np.ndarray, cutoff: float) -> Neighbours:
    """Return all directed pairs closer than `cutoff` (minimum image).

    Raises InputError where the box is too small for the cutoff.
    """
    pairs = neighbour_pairs(positions, box, cutoff)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.lexsort((both[:, 1], both[:, 0]))]
    vectors = minimum_image(positions[both[:, 1]] - positions[both[:, 0]], box)
    return Neighbours(both[:, 0], both[:, 1], vectors, np.linalg.norm(vectors, axis=1), len(positions))


def averages(values: np.ndarray, positions: np.ndarray, box: np.ndarray, length: float, generations: int) -> np.ndarray:
    """Return values (N, K) and their averages of 1, 2, ... generations of neighbours, shape (generations + 1, N, K).

    Each generation averages the one before over the particle itself and its neighbours closer than `length`, with
    weights exp(-r_ij / length): after g of them, surroundings count up to g times `length`, with distance ever less.
    """
    near = neighbours(positions, box, length)
    weights = near.matrix(np.exp(-near.distances / length)) + sparse.identity(len(positions))
    mean = sparse.diags_array(1 / np.asarray(weights.sum(axis=1)).ravel()) @ weights
    result = [np.asarray(values, dtype=np.float64)]
    for _ in range(generations):
        result.append(mean @ result[-1])
    return np.stack(result)


def coordination(positions: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return the number of neighbours in the first shell of each particle, shape (N,)."""
    return np.bincount(neighbours(positions, box, FIRST_SHELL).centre, minlength=len(positions)).astype(np.float64)


def local_density(positions: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return one over the volume of each particle's Voronoi cell, shape (N,)."""
    return 1 / voronoi(positions, box).volumes


def voronoi(positions: np.ndarray, box: np.ndarray) -> "freud.locality.Voronoi":
    """Return freud's Voronoi tessellation of the periodic box."""
    import freud

    freud.parallel.set_num_threads(1)
    cells = freud.locality.Voronoi()
    cells.compute((freud.box.Box(*box), wrap(positions, box) - box / 2))
    return cells


def thermal_displacement(positions: np.ndarray, inherent_positions: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return the vectors (N, 3) from inherent to thermal positions, without the motion of all together."""
    vectors = minimum_image(positions - inherent_positions, box)
    return vectors - vectors.mean(axis=0)


def radial_densities(near: Neighbours, types: np.ndarray) -> np.ndarray:
    """Return G_i(r, s) = sum over neighbours j of species s of exp(-(r_ij - r)^2 / 2 delta^2), shape (N, 2 * radii).

    Behler and Parrinello, Phys. Rev. Lett. 98, 146401 (2007).
    """
    columns = []
    for species in (0, 1):
        of_species = types[near.other] == species
        for radius in RADIAL_CENTRES:
            chosen = of_species & (np.abs(near.distances - radius) < 5 * RADIAL_WIDTH)
            weights = np.exp(-((near.distances[chosen] - radius) ** 2) / (2 * RADIAL_WIDTH**2))
            columns.append(np.bincount(near.centre[chosen], weights, near.n_particles))
    return np.stack(columns, axis=1)


def bond_orders(
    near: Neighbours, centres: np.ndarray = ANGULAR_CENTRES, width: float = ANGULAR_WIDTH, orders: np.ndarray = ORDERS
) -> np.ndarray:
    """Return Steinhardt's q_l of the neighbours at about each distance, shape (N, len(centres) * len(orders)).

    q_l(i, r) = sqrt(4 pi / (2 l + 1) sum_m |q_lm|^2) with q_lm the mean of Y_lm over neighbours j, weighted by
    exp(-(r_ij - r)^2 / 2 delta^2). A particle without neighbours at a distance has q_l = 0 there. freud's Steinhardt,
    once for each distance, gives the same and takes 4.4 times as long (4096 particles, one core).
    """
    result = np.zeros((near.n_particles, len(centres), len(orders)), dtype=np.float32)
    weights = np.exp(-((near.distances[:, None] - centres) ** 2) / (2 * width**2)).astype(np.float32)
    # Blocks of particles keep the harmonics of their pairs in the processor's cache.
    for first in range(0, near.n_particles, 128):
        last = min(first + 128, near.n_particles)
        start, stop = np.searchsorted(near.centre, (first, last))
        directions = near.vectors[start:stop] / near.distances[start:stop, None]
        harmonics = spherical_harmonics(directions, max(orders))
        for column in range(len(centres)):
            weight = weights[start:stop, column]
            pairs = np.flatnonzero(weight > 1e-3)
            local = (near.centre[start:stop][pairs] - first, np.arange(len(pairs)))
            chosen = sparse.csr_matrix((weight[pairs], local), shape=(last - first, len(pairs)))
            total = np.maximum(np.asarray(chosen.sum(axis=1)), 1e-12)
            squares = np.abs((chosen @ harmonics[pairs]) / total) ** 2
            for index, order in enumerate(orders):
                # Columns of one order hold m = 0 ... l; those of -m have the same size.
                of_order = squares[:, order * (order + 1) // 2 :][:, : order + 1]
                norm = 2 * of_order.sum(axis=1) - of_order[:, 0]
                result[first:last, column, index] = np.sqrt(4 * np.pi / (2 * order + 1) * norm)
    return result.reshape(near.n_particles, -1)


def spherical_harmonics(directions: np.ndarray, highest: int) -> np.ndarray:
    """Return Y_lm of unit vectors (P, 3) for l = 0 ... highest and m = 0 ... l, shape (P, columns), by l, then m.

    Recursions of the normalised associated Legendre functions (Press et al., Numerical Recipes, 3rd ed., 6.7); scipy's
    own function takes ten times as long.
    """
    z = directions[:, 2]
    rising = directions[:, 0] + 1j * directions[:, 1]
    table = {(0, 0): np.full(len(directions), np.sqrt(1 / (4 * np.pi)), dtype=complex)}
    for m in range(highest + 1):
        if m > 0:
            table[m, m] = -np.sqrt((2 * m + 1) / (2 * m)) * rising * table[m - 1, m - 1]
        if m < highest:
            table[m + 1, m] = np.sqrt(2 * m + 3) * z * table[m, m]
        for order in range(m + 2, highest + 1):
            scale = np.sqrt((4 * order**2 - 1) / (order**2 - m**2))
            lower = np.sqrt(((order - 1) ** 2 - m**2) / (4 * (order - 1) ** 2 - 1))
            table[order, m] = scale * (z * table[order - 1, m] - lower * table[order - 2, m])
    rows = [table[order, m] for order in range(highest + 1) for m in range(order + 1)]
    return np.stack(rows, axis=1).astype(np.complex64)
