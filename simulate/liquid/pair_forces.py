"""Energy and forces of the mixture on a processor: a Verlet list and one loop over it, compiled by numba.

OpenMM integrates and asks here for the forces of every step (`openmm.PythonForce`). Its own loops are not used on a
processor: compiled expressions (`CustomNonbondedForce`) return with the upper halves of the vector registers dirty into
code compiled for SSE, which costs more than the pair itself, and three `NonbondedForce`s with combination rules that
make the mixture walk the neighbour list three times (docs/performance.md has all of them side by side).

Everything is in double precision. The list holds every pair twice, so that the loop over the neighbours of a particle
only gathers and is vectorised; it holds all pairs closer than their cutoff and a skin, and stays until two particles
may have come nearer by the skin (L. Verlet, Phys. Rev. 159, 98 (1967)). The order of the sums follows from the list,
which remembers when it was made: `forget` makes the next call depend on the positions alone.
"""

import numpy as np
from numba import njit

from simulate.liquid import kob_andersen

# In sigma_AA: wider lists hold more pairs, narrower ones are made more often; flat around here.
SKIN = 0.4
# Beyond this, positions no longer tell neighbours apart.
FARTHEST = 1e9


class PairForces:
    """Energy and forces of particles with `types` (N,) in the periodic `box` (3,), at least two cutoffs wide."""

    def __init__(self, types: np.ndarray, box: np.ndarray):
        n = len(types)
        self._types = np.asarray(types, dtype=np.int64)
        self._box = np.asarray(box, dtype=np.float64)
        self._here = np.empty((3, n))
        self._listed = np.empty((n, 3))
        self._offset = np.empty((n, 3))
        self._bounds = np.empty((3, n), dtype=np.int64)
        self._neighbours = np.empty(128 * n, dtype=np.uint32)
        self._forces = np.empty((n, 3))
        self._cutoff2 = (kob_andersen.CUTOFF * kob_andersen.SIGMA) ** 2
        self._reach2 = (kob_andersen.CUTOFF * kob_andersen.SIGMA + SKIN) ** 2
        self._sigma6, self._epsilon4 = kob_andersen.SIGMA**6, 4 * kob_andersen.EPSILON
        self.forget()

    def forget(self) -> None:
        """Make the neighbour list again at the next call."""
        self._listed[:] = np.inf

    def __call__(self, positions: np.ndarray) -> tuple[float, np.ndarray]:
        """Return U (shifted) and the forces (N, 3) at `positions` (N, 3), which may be unwrapped.

        The array of forces is overwritten by the next call.
        """
        positions = np.ascontiguousarray(positions, dtype=np.float64)
        if not _moved_less(positions, self._listed, self._offset, self._here, (SKIN / 2) ** 2):
            self._list(positions)
        energy = _sum_pairs(
            self._here, self._box, self._types, self._bounds, self._neighbours,
            self._cutoff2, self._sigma6, self._epsilon4, kob_andersen.SHIFT, self._forces,
        )  # fmt: skip
        return energy, self._forces

    def of_state(self, state) -> tuple[float, np.ndarray]:
        """Return energy and forces as `openmm.PythonForce` wants them, from an `openmm.State`."""
        return self(state.getPositions(asNumpy=True)._value)

    def _list(self, positions: np.ndarray) -> None:
        # Where a run blows up: such positions belong to no cell.
        if not np.abs(positions).max() < FARTHEST:
            raise FloatingPointError("positions are not finite")
        self._listed[:] = positions
        self._offset[:] = np.floor(positions / self._box) * self._box
        self._here[:] = (positions - self._offset).T
        while not _list_pairs(self._here, self._box, self._types, self._reach2, self._bounds, self._neighbours):
            self._neighbours = np.empty(2 * len(self._neighbours), dtype=np.uint32)


@njit(cache=True, nogil=True)
def _moved_less(positions, listed, offset, here, limit2):
    """Write the positions less their offset to `here` (3, N); return whether none moved by more since `listed`."""
    farthest2 = 0.0
    for i in range(len(positions)):
        moved2 = 0.0
        for k in range(3):
            here[k, i] = positions[i, k] - offset[i, k]
            moved2 += (positions[i, k] - listed[i, k]) ** 2
        # Not a number counts as far away.
        if not moved2 <= farthest2:
            farthest2 = moved2
    return farthest2 <= limit2


@njit(cache=True, nogil=True, inline="always")
def _nearest_image(vector, edge):
    # Written as two selections, which vectorise where rounding does not.
    return vector - (edge if vector > 0.5 * edge else 0.0) + (edge if vector < -0.5 * edge else 0.0)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _sum_pairs(here, box, types, bounds, neighbours, cutoff2, sigma6, epsilon4, shift, forces):
    """Write the forces (N, 3); return the energy. bounds (3, N): where A neighbours, B neighbours and both end."""
    x, y, z = here[0], here[1], here[2]
    total = 0.0
    for i in range(len(types)):
        here_x, here_y, here_z = x[i], y[i], z[i]
        force_x, force_y, force_z = 0.0, 0.0, 0.0
        for kind in range(2):
            limit2, s6, e4 = cutoff2[types[i], kind], sigma6[types[i], kind], epsilon4[types[i], kind]
            energy, fx, fy, fz = 0.0, 0.0, 0.0, 0.0
            for k in range(bounds[kind, i], bounds[kind + 1, i]):
                j = neighbours[k]
                dx = _nearest_image(here_x - x[j], box[0])
                dy = _nearest_image(here_y - y[j], box[1])
                dz = _nearest_image(here_z - z[j], box[2])
                r2 = dx * dx + dy * dy + dz * dz
                inverse2 = 1.0 / r2 if r2 < limit2 else 0.0
                inside = 1.0 if r2 < limit2 else 0.0
                attraction = s6 * inverse2 * inverse2 * inverse2
                energy += e4 * (attraction * attraction - attraction - shift * inside)
                strength = e4 * (12.0 * attraction * attraction - 6.0 * attraction) * inverse2
                fx += strength * dx
                fy += strength * dy
                fz += strength * dz
            total += energy
            force_x += fx
            force_y += fy
            force_z += fz
        forces[i, 0], forces[i, 1], forces[i, 2] = force_x, force_y, force_z
    return 0.5 * total


@njit(cache=True, nogil=True, error_model="numpy")
def _list_pairs(here, box, types, reach2, bounds, neighbours):
    """Write the neighbours of every particle, A before B; return whether there was room for them.

    Particles are sorted into cells at least the longest reach wide, or into one cell along an edge shorter than three.
    """
    n = len(types)
    longest = np.sqrt(reach2.max())
    shape = np.ones(3, np.int64)
    for k in range(3):
        if box[k] >= 3 * longest:
            shape[k] = int(box[k] / longest)
    cell = np.empty(n, np.int64)
    first = np.zeros(shape[0] * shape[1] * shape[2] + 1, np.int64)
    for i in range(n):
        index = 0
        for k in range(3):
            index = index * shape[k] + min(max(int(here[k, i] / box[k] * shape[k]), 0), shape[k] - 1)
        cell[i] = index
        first[index + 1] += 1
    first = np.cumsum(first)
    members = np.argsort(cell, kind="mergesort")
    near, coordinates, distance2 = np.empty(n, np.uint32), np.empty((3, n)), np.empty(n)
    end = 0
    for index in range(len(first) - 1):
        if first[index] == first[index + 1]:
            continue
        # Everything in this cell and in those around it, copied once for all its particles.
        count, n_a = 0, 0
        steps = np.minimum(shape - 1, 1)
        a0, b0, c0 = index // (shape[1] * shape[2]), index // shape[2] % shape[1], index % shape[2]
        for kind in range(2):
            for a in range(-steps[0], steps[0] + 1):
                for b in range(-steps[1], steps[1] + 1):
                    for c in range(-steps[2], steps[2] + 1):
                        other = ((a0 + a) % shape[0] * shape[1] + (b0 + b) % shape[1]) * shape[2] + (c0 + c) % shape[2]
                        for m in range(first[other], first[other + 1]):
                            j = members[m]
                            if types[j] == kind:
                                near[count] = j
                                for k in range(3):
                                    coordinates[k, count] = here[k, j]
                                count += 1
            if kind == 0:
                n_a = count
        for m in range(first[index], first[index + 1]):
            i = members[m]
            if end + count > len(neighbours):
                return False
            for k in range(count):
                dx = _nearest_image(coordinates[0, k] - here[0, i], box[0])
                dy = _nearest_image(coordinates[1, k] - here[1, i], box[1])
                dz = _nearest_image(coordinates[2, k] - here[2, i], box[2])
                distance2[k] = dx * dx + dy * dy + dz * dz
            bounds[0, i] = end
            end = _append(near, distance2, 0, n_a, reach2[types[i], 0], i, neighbours, end)
            bounds[1, i] = end
            end = _append(near, distance2, n_a, count, reach2[types[i], 1], i, neighbours, end)
            bounds[2, i] = end
    return True


@njit(cache=True, nogil=True, inline="always")
def _append(near, distance2, start, stop, limit2, itself, neighbours, end):
    for k in range(start, stop):
        # Written in any case and kept by moving the end: no branch to mispredict.
        neighbours[end] = near[k]
        end += (distance2[k] < limit2) & (near[k] != itself)
    return end
