"""What the linear model knows of each particle: seventeen numbers of its place, and how the forces alone take it there.

Of the inherent structure: its energy and virial with neighbours of each species, the anisotropy of its stress, its
Voronoi cell, how far it gives way in the harmonic approximation (`harmonic`), and how far the thermal particle is from
it; some once more for B particles alone. Most of the same of three stages of steepest descent on the way to the
inherent structure (`descent`): short times are decided by what full minimisation forgets, long times by what it keeps.
And how far the particle gets, and is on average, up to five times after all are released at rest: at short times that
is most of what structure says.
"""

from collections.abc import Sequence

import numpy as np

from learn.models.linear import descriptors
from learn.models.linear.descent import descend, release
from learn.models.linear.harmonic import compliance
from simulate.liquid import kob_andersen

# Faces of a Voronoi cell below this area, sigma^2, belong to particles that hardly touch.
SMALLEST_FACE = 0.02

# Fictitious times of steepest descent, sigma^2/epsilon.
DESCENTS = (0.004, 0.012, 0.04)
# Times after a release at rest, tau.
RELEASES = (0.07, 0.12, 0.2, 0.5, 1.0)
_MECHANICS = ("energy with A", "energy with B", "virial with A", "virial with B", "stress anisotropy")
_CELL = ("cell volume", "cell surface", "cell faces", "cell asymmetry")
_MOVED = ("thermal displacement", "its square")
_RELEASED = ("displacement", "its square", "mean displacement")

# Columns of `describe`: of the inherent structure ("of B": zero for A particles), and of stages on the way to it.
GROUPS = {
    "energy": ("energy with A", "energy with B"),
    "virial": ("virial with A", "virial with B", "stress anisotropy"),
    "cell": _CELL,
    "displacement": _MOVED,
    "compliance": ("log compliance",),
    "species": ("is B", "energy with A of B", "energy with B of B", "cell volume of B", "log compliance of B"),
    "descent": tuple(f"{name}, descended {time}" for time in DESCENTS for name in _MECHANICS + _CELL + _MOVED),
    "release": tuple(f"{name}, released {time}" for time in RELEASES for name in _RELEASED),
}

# Those that need no more than the inherent structure.
MINIMISED = ("energy", "virial", "cell", "displacement", "compliance", "species")
# What is known on each rung of learn.models.GIVEN; on the first, of the thermal positions.
BY_RUNG = {1: ("energy", "virial", "cell"), 2: MINIMISED, 3: tuple(GROUPS)}
_OF_B = ("energy with A", "energy with B", "cell volume", "log compliance")


def names(groups: Sequence[str] = tuple(GROUPS)) -> tuple[str, ...]:
    """Return the names of the columns of some groups, in the order of GROUPS."""
    return tuple(name for group, columns in GROUPS.items() if group in groups for name in columns)


NAMES = names()


def describe(
    positions: np.ndarray,
    types: np.ndarray,
    box: np.ndarray,
    inherent_positions: np.ndarray,
    groups: Sequence[str] = tuple(GROUPS),
) -> np.ndarray:
    """Return the descriptors `names(groups)` of every particle, shape (N, len(names(groups))).

    Raises InputError where the box is too small, or the inherent positions are no minimum of the energy.
    """
    columns = _of_place(inherent_positions, positions, types, box)
    if "compliance" in groups or "species" in groups:
        columns["log compliance"] = np.log(compliance(inherent_positions, types, box))
    if "species" in groups:
        is_b = types == 1
        columns["is B"] = is_b
        for name in _OF_B:
            of_b = np.zeros(len(types))
            of_b[is_b] = columns[name][is_b] - columns[name][is_b].mean() if is_b.any() else 0
            columns[f"{name} of B"] = of_b
    if "descent" in groups:
        for time, place in zip(DESCENTS, descend(positions, types, box, DESCENTS), strict=True):
            found = _of_place(place, positions, types, box)
            columns |= {f"{name}, descended {time}": values for name, values in found.items()}
    if "release" in groups:
        for time, place, mean in zip(RELEASES, *release(positions, types, box, RELEASES), strict=True):
            moved = np.linalg.norm(place - positions, axis=1)
            released = (moved, moved**2, np.linalg.norm(mean - positions, axis=1))
            columns |= {f"{name}, released {time}": values for name, values in zip(_RELEASED, released, strict=True)}
    return np.stack([np.asarray(columns[name], dtype=np.float64) for name in names(groups)], axis=1)


def _of_place(place: np.ndarray, thermal: np.ndarray, types: np.ndarray, box: np.ndarray) -> dict[str, np.ndarray]:
    """Return what positions (N, 3) on the way to the minimum, or at it, say of each particle (N,), by name."""
    moved = np.linalg.norm(descriptors.thermal_displacement(thermal, place, box), axis=1)
    displacement = {"thermal displacement": moved, "its square": moved**2}
    return mechanics(place, types, box) | cells(place, box) | displacement


def mechanics(positions: np.ndarray, types: np.ndarray, box: np.ndarray) -> dict[str, np.ndarray]:
    """Return energy and virial with neighbours of each species, and the spread of the stress's eigenvalues."""
    first, second, vectors, distance = kob_andersen.pairs(positions, types, box)
    n = len(types)
    energy, virial = kob_andersen.pair_terms(types[first], types[second], distance)

    def summed(values: np.ndarray, species: int | None = None) -> np.ndarray:
        of_first = values if species is None else values * (types[second] == species)
        of_second = values if species is None else values * (types[first] == species)
        return np.bincount(first, of_first, n) + np.bincount(second, of_second, n)

    result = {}
    for species, name in enumerate("AB"):
        result[f"energy with {name}"] = summed(energy, species) / 2
        result[f"virial with {name}"] = summed(virial, species) / 2
    along = vectors / distance[:, None]
    stress = np.array([[summed(virial * along[:, a] * along[:, b]) for a in range(3)] for b in range(3)])
    result["stress anisotropy"] = np.linalg.eigvalsh(stress.transpose(2, 0, 1)).std(axis=1)
    return result


def cells(positions: np.ndarray, box: np.ndarray) -> dict[str, np.ndarray]:
    """Return volume, surface, number of faces and asymmetry of the Voronoi cells.

    The asymmetry is the length of the sum over faces of the vector to the neighbour times the area.
    """
    tessellation = descriptors.voronoi(positions, box)
    faces, n = tessellation.nlist, len(positions)
    centre, area = faces.query_point_indices, faces.weights
    lean = np.stack([np.bincount(centre, area * faces.vectors[:, axis], n) for axis in range(3)], axis=1)
    return {
        "cell volume": tessellation.volumes,
        "cell surface": np.bincount(centre, area, n),
        "cell faces": np.bincount(centre, area > SMALLEST_FACE, n),
        "cell asymmetry": np.linalg.norm(lean, axis=1),
    }
