"""A linear model of averaged descriptors of the inherent structure.

Each particle of the inherent structure is described by seventeen numbers: its energy and virial with neighbours of
each species, the anisotropy of its stress, its Voronoi cell, how far it gives way in the harmonic approximation
(`harmonic`), and how far the thermal particle is from it; some once more for B particles alone. The same of
three stages of steepest descent on the way to the inherent structure (`descent`): short times are decided by
what full minimisation forgets, long times by what it keeps. And how far the particle gets, and is on average, up to
five times after all are released at rest: at short times that is most of what structure says. Each number is averaged
over one to eight generations of neighbours; the differences between successive averages, shells of growing radius, are
the inputs. They are centred in every configuration and species: only differences between its particles are learned; how
mobile it is as a whole follows from its mean inherent energy alone. A ridge regression per species and time does the
rest. Nothing is random; every prediction is invariant under translation, rotation and reflection.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from learn.data import dataset
from learn.data.graph import Graph
from learn.data.inputs import Inputs
from learn.models.linear import descriptors
from learn.models.linear.descent import descend, release
from learn.models.linear.harmonic import compliance
from learn.models.model import Model, Task, Trained
from simulate.liquid import kob_andersen
from simulate.liquid.configuration import Configuration
from simulate.stage import command
from simulate.stage.command import InputError

GENERATIONS = 8
AVERAGING_LENGTH = 1.5
PENALTIES = 10.0 ** np.arange(-1, 5.1, 0.5)
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
NAMES = tuple(name for names in GROUPS.values() for name in names)


def describe(
    positions: np.ndarray,
    types: np.ndarray,
    box: np.ndarray,
    inherent_positions: np.ndarray,
    groups: Sequence[str] = tuple(GROUPS),
) -> np.ndarray:
    """Return the descriptors of every particle, a column for each name in the `groups` of GROUPS, in order: (N, S).

    Raises InputError where the box is too small, or the inherent positions are no minimum of the energy.
    """
    columns = _of_place(inherent_positions, positions, types, box)
    if "compliance" in groups or "species" in groups:
        columns["log compliance"] = np.log(compliance(inherent_positions, types, box))
    is_b = types == 1
    columns["is B"] = is_b
    for name in ("energy with A", "energy with B", "cell volume", "log compliance"):
        if name in columns:
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
    wanted = [name for group in groups for name in GROUPS[group]]
    return np.stack([np.asarray(columns[name], dtype=np.float64) for name in wanted], axis=1)


def _of_place(place: np.ndarray, thermal: np.ndarray, types: np.ndarray, box: np.ndarray) -> dict[str, np.ndarray]:
    """Return what positions (N, 3) on the way to the minimum, or at it, say of each particle (N,), by name."""
    moved = np.linalg.norm(descriptors.thermal_displacement(thermal, place, box), axis=1)
    displacement = {"thermal displacement": moved, "its square": moved**2}
    return mechanics(place, types, box) | _cells(place, box) | displacement


def mechanics(positions: np.ndarray, types: np.ndarray, box: np.ndarray) -> dict[str, np.ndarray]:
    """Return energy and virial with neighbours of each species, and the spread of the stress's eigenvalues."""
    first, second, vectors, distance = kob_andersen.pairs(positions, types, box)
    n = len(types)
    epsilon = kob_andersen.EPSILON[types[first], types[second]]
    attraction = (kob_andersen.SIGMA[types[first], types[second]] / distance) ** 6
    energy = 4 * epsilon * (attraction**2 - attraction - kob_andersen.SHIFT)
    virial = 24 * epsilon * (2 * attraction**2 - attraction)

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


def _cells(positions: np.ndarray, box: np.ndarray) -> dict[str, np.ndarray]:
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


def shells(
    values: np.ndarray, types: np.ndarray, box: np.ndarray, inherent_positions: np.ndarray, generations: int
) -> np.ndarray:
    """Return differences between successive averages of values (N, S), then the last average, centred.

    Shape (N, (generations + 1) * S). Centred: less the mean over the particles of a species in the configuration.
    """
    every = descriptors.averages(values, inherent_positions, box, AVERAGING_LENGTH, generations)
    every[:-1] -= every[1:]
    flat = np.concatenate(list(every), axis=1)
    for species in (0, 1):
        of = types == species
        if of.any():
            flat[of] -= flat[of].mean(axis=0)
    return flat


@dataclass
class Statistics:
    """What ridge regression needs of one configuration and species; inputs and targets are centred.

    inputs (K, K) = X^T X, cross (K, M) = X^T y, squares (M,) = sum y^2, mean (M,) of the propensity, count: number of
    particles, level: mean inherent energy per particle of the configuration.
    """

    inputs: np.ndarray
    cross: np.ndarray
    squares: np.ndarray
    mean: np.ndarray
    count: int
    level: float


def statistics(features: np.ndarray, propensity: np.ndarray, chosen: np.ndarray, level: float) -> Statistics:
    """Return the statistics of the particles `chosen` (N,) from features (N, K) and propensity (M, N)."""
    x, y = features[chosen], propensity[:, chosen].T
    mean = y.mean(axis=0)
    y = y - mean
    return Statistics(x.T @ x, x.T @ y, (y**2).sum(axis=0), mean, len(x), level)


def scores(of: Statistics, weights: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation (M,) in one configuration of what weights (K, M) predict: exact, from sums."""
    variance = np.einsum("km,kl,lm->m", weights, of.inputs, weights)
    return (weights * of.cross).sum(axis=0) / np.sqrt(np.maximum(variance * of.squares, 1e-30))


def solve(parts: Sequence[Statistics], penalties: np.ndarray) -> np.ndarray:
    """Return ridge weights (penalties, K, M) in units of the raw inputs; the penalty acts on standardised inputs."""
    inputs, cross = sum(part.inputs for part in parts), sum(part.cross for part in parts)
    scale = np.sqrt(np.diag(inputs) / sum(part.count for part in parts))
    # An input that never varies, such as "is B" of A particles, has no say.
    inverse = np.where(scale > 1e-8, 1 / np.maximum(scale, 1e-8), 0)
    values, vectors = np.linalg.eigh(inverse[:, None] * inputs * inverse)
    projected = vectors.T @ (inverse[:, None] * cross)
    found = vectors @ (projected / (np.maximum(values, 0)[:, None] + penalties[:, None, None]))
    return inverse[:, None] * found


def ridge(parts: Sequence[Statistics]) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (K, M) and the penalty of each time (M,), chosen by leaving configurations out in turn.

    Raises InputError for fewer than two configurations.
    """
    if len(parts) < 2:
        raise InputError(f"{len(parts)} training configurations, expected at least 2")
    folds = [parts[first :: min(len(parts), 10)] for first in range(min(len(parts), 10))]
    table = []
    for fold in folds:
        out = {id(part) for part in fold}
        weights = solve([part for part in parts if id(part) not in out], PENALTIES)
        table += [[scores(part, each) for each in weights] for part in fold]
    best = np.mean(table, axis=0).argmax(axis=0)
    weights = solve(parts, PENALTIES)
    return np.stack([weights[b, :, time] for time, b in enumerate(best)], axis=1), PENALTIES[best]


def levels(parts: Sequence[Statistics]) -> tuple[np.ndarray, np.ndarray]:
    """Return intercept and slope (M,) of a configuration's mean propensity against its mean inherent energy.

    With fewer than four configurations the slope is 0.
    """
    level, mean = np.array([part.level for part in parts]), np.array([part.mean for part in parts])
    around = level - level.mean()
    slope = around @ mean / (around @ around) if len(parts) >= 4 else np.zeros(mean.shape[1])
    return mean.mean(axis=0) - slope * level.mean(), slope


class Linear(Model):
    """The trained model: weights (2, K, M), intercept and slope (2, M), by species."""

    name = "linear"
    weight: torch.Tensor
    intercept: torch.Tensor
    slope: torch.Tensor

    def __init__(self, outputs: int):
        super().__init__()
        inputs = len(NAMES) * (GENERATIONS + 1)
        self.register_buffer("weight", torch.zeros(2, inputs, outputs, dtype=torch.float64))
        self.register_buffer("intercept", torch.zeros(2, outputs, dtype=torch.float64))
        self.register_buffer("slope", torch.zeros(2, outputs, dtype=torch.float64))

    def inputs(self, structure: Configuration) -> Inputs:
        """Return the inputs of a configuration: no edges, and as `nodes` features (N, K), the level in a last column.

        It is minimised first where its inherent positions are not known. Raises InputError as `describe` and
        `simulate.liquid.minimisation.inherent_structure` do.
        """
        features, level = features_of(structure)
        nodes = np.concatenate([features, np.full((len(features), 1), level)], axis=1)
        nobody = np.zeros(0, dtype=np.int64)
        edges = (structure.types, structure.box, structure.positions, nobody, nobody, np.zeros((0, 3), np.float32))
        return Inputs.of(Graph(*edges), nodes)

    def forward(self, inputs: Inputs) -> torch.Tensor:
        """Return predictions (N, M)."""
        features, level = inputs.nodes[:, :-1], inputs.nodes[:, -1:]
        within = torch.where(inputs.types[:, None] == 1, features @ self.weight[1], features @ self.weight[0])
        return within + self.intercept[inputs.types] + level * self.slope[inputs.types]

    @classmethod
    def trained(cls, task: Task) -> tuple[Trained, list[dict]]:
        """Fit the training configurations of one temperature; return the model and its one row of history."""
        task.without("control", "start")
        graphs, time = task.graph_file, task.time
        names = dataset.to_learn_from(graphs, task.samples)
        parts: dict[str, dict[int, list[Statistics]]] = {}
        with command.progress(len(names["train"]) + len(names["validation"]), "describe", "configuration") as bar:
            for split, of_split in names.items():
                parts[split] = {0: [], 1: []}
                for name in of_split:
                    sample = dataset.load(graphs, name).at(time)
                    types = sample.configuration.types
                    features, level = features_of(sample.configuration)
                    for species, found in parts[split].items():
                        if (types == species).any():
                            found.append(statistics(features, sample.propensity, types == species, level))
                    bar.update()
        model, penalties = fit({species: of for species, of in parts["train"].items() if of}, len(time))
        r = np.mean([scores(part, model.weight[0].numpy()) for part in parts["validation"][0]], axis=0)
        row = {"epoch": 1, "step": len(names["train"]), "learning_rate": 0.0, "loss": np.nan, "validation_r": r.mean()}
        row |= {f"validation_r_{index}": float(value) for index, value in enumerate(r)}
        row |= {f"penalty_{index}": float(value) for index, value in enumerate(penalties[0])}
        settings = {"model": cls.name, "temperature": dataset.settings(graphs)["temperature"], "species": "AB"}
        settings |= {"generations": GENERATIONS, "n_train": len(names["train"])}
        return Trained(model, settings, time, np.zeros(len(time)), np.ones(len(time))), [row]


def features_of(structure: Configuration) -> tuple[np.ndarray, float]:
    """Return features (N, K) and the mean inherent energy of a configuration; it is minimised first where need be."""
    place, types, box = structure.inherent_positions, np.asarray(structure.types), structure.box
    if place is None:
        from simulate.liquid.minimisation import inherent_structure

        place = inherent_structure(structure).positions
    values = describe(structure.positions, types, box, place)
    energies = values[:, NAMES.index("energy with A")] + values[:, NAMES.index("energy with B")]
    return shells(values, types, box, place, GENERATIONS), float(energies.mean())


def fit(parts: Mapping[int, Sequence[Statistics]], outputs: int) -> tuple[Linear, dict[int, np.ndarray]]:
    """Return the model and the penalties (M,) chosen, from the statistics of the configurations by species (0, 1).

    Raises InputError for fewer than two configurations.
    """
    model = Linear(outputs)
    penalties = {}
    for species, of in parts.items():
        weights, penalties[species] = ridge(of)
        intercept, slope = levels(of)
        model.weight[species] = torch.from_numpy(weights)
        model.intercept[species] = torch.from_numpy(intercept)
        model.slope[species] = torch.from_numpy(slope)
    return model.eval(), penalties
