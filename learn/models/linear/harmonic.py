"""How far a particle of the inherent structure gives way: the harmonic approximation, locally.

The Hessian of the potential energy at an inherent structure says how stiff the surroundings of each particle are.
Its inverse, times the temperature, would be the harmonic mean-squared displacement; here the inverse is taken
of the block of each particle and its neighbours, while everything beyond is held fixed, so that the cost grows as N.
"""

import numpy as np
from scipy import sparse
from scipy.linalg import lapack
from scipy.spatial import cKDTree

from simulate.liquid import kob_andersen
from simulate.liquid.box import wrap
from simulate.stage.command import InputError

RADIUS = 2.0
# Added to the diagonal, epsilon/sigma^2: the truncated potential has no exact minimum where a pair is at its cutoff.
# A particle's own stiffness is some hundred times more.
REGULARISATION = 0.1


def force_constants(
    positions: np.ndarray, types: np.ndarray, box: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the interacting pairs, first and second (P,), and each pair's matrix of second derivatives (P, 3, 3).

    K_ab = (u'' - u'/r) r_a r_b / r^2 + delta_ab u'/r; the Hessian has -K between the particles of a pair and the sum of
    K on the diagonal.
    """
    first, second, vectors, distance = kob_andersen.pairs(positions, types, box)
    kinds = types[first], types[second], distance
    slope = -kob_andersen.pair_terms(*kinds)[1] / distance**2
    curvature = kob_andersen.pair_stiffness(*kinds) / distance**2
    along = vectors / distance[:, None]
    outer = along[:, :, None] * along[:, None, :]
    return first, second, (curvature - slope)[:, None, None] * outer + slope[:, None, None] * np.eye(3)


def hessian_blocks(
    positions: np.ndarray, types: np.ndarray, box: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the nonzero 3 x 3 blocks of the Hessian: row and column particle (Q,), blocks (Q, 3, 3)."""
    first, second, constants = force_constants(positions, types, box)
    n = len(types)
    own = np.zeros((n, 9))
    for column in range(9):
        values = constants.reshape(-1, 9)[:, column]
        own[:, column] = np.bincount(first, values, n) + np.bincount(second, values, n)
    every = np.arange(n)
    rows, columns = np.concatenate([first, second, every]), np.concatenate([second, first, every])
    return rows, columns, np.concatenate([-constants, -constants, own.reshape(n, 3, 3)])


def compliance(positions: np.ndarray, types: np.ndarray, box: np.ndarray, radius: float = RADIUS) -> np.ndarray:
    """Return the trace of each particle's block of the inverse Hessian, (N,), in sigma^2/epsilon.

    The inverse is that of the Hessian of the particle and all within `radius`; the others do not move. It is the sum
    over x, y, z of how far the particle gives way to a unit force.

    Raises InputError where the positions are no minimum of the potential energy.
    """
    rows, columns, blocks = hessian_blocks(positions, types, box)
    n = len(types)
    # The entries of the table are numbers of blocks, from 1: zero would be dropped.
    table = sparse.coo_array((np.arange(1, len(rows) + 1), (rows, columns)), shape=(n, n)).tocsr()
    wrapped = wrap(positions, box)
    spheres = cKDTree(wrapped, boxsize=box).query_ball_point(wrapped, radius)
    place = np.full(n, -1)
    result = np.empty(n)
    for particle, sphere in enumerate(spheres):
        members = np.array([particle, *(other for other in sphere if other != particle)])
        place[members] = np.arange(len(members))
        inverse = _response(_gathered(table, blocks, members, place))
        if inverse is None:
            raise InputError(f"particle {particle} is not at a minimum of the potential energy; minimise first")
        result[particle] = np.trace(inverse)
        place[members] = -1
    return result


def _gathered(table: sparse.csr_array, blocks: np.ndarray, members: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the dense Hessian (3m, 3m) of m members; `place` is each particle's number among them, or -1."""
    counts = table.indptr[members + 1] - table.indptr[members]
    start = np.repeat(table.indptr[members] - np.cumsum(counts) + counts, counts)
    entry = start + np.arange(counts.sum())
    row, column = np.repeat(np.arange(len(members)), counts), place[table.indices[entry]]
    inside = column >= 0
    dense = np.zeros((len(members), len(members), 3, 3))
    dense[row[inside], column[inside]] = blocks[table.data[entry[inside]] - 1]
    return dense.transpose(0, 2, 1, 3).reshape(3 * len(members), 3 * len(members))


def _response(dense: np.ndarray) -> np.ndarray | None:
    """Return the first particle's 3 x 3 block of the inverse, or None where the matrix is not positive."""
    diagonal = np.arange(len(dense))
    dense[diagonal, diagonal] += REGULARISATION
    forces = np.eye(len(dense), 3)
    _, moved, status = lapack.dposv(dense, forces, lower=1)
    return None if status else moved[:3]
