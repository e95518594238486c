"""What the networks read of a configuration: the graph of its pairs, and numbers and arrows of its particles.

By rung of `learn.models.GIVEN`: positions alone; the inherent structure beside them, and the displacement from it; and
the displacements at five times after a release at rest. The graph joins particles closer than CUTOFF in the thermal or
in the inherent configuration, as in EIGNN.

`Inputs.nodes` has the columns own | arrows | half. own: the numbers that the linear model reads of the particle, and
mechanics and Voronoi cell of the thermal positions, less the mean of its species; arrows: displacements, three columns
each; half: the linear model's share of the prediction (`model`), one column a time.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from learn.data.graph import from_edges
from learn.data.inputs import Inputs
from learn.models.linear import descriptors
from learn.models.linear.descent import displacements
from learn.models.linear.describe import BY_RUNG, RELEASES, cells, mechanics, names
from learn.models.linear.model import Linear, centred, quenched
from simulate.liquid.box import neighbour_pairs
from simulate.liquid.configuration import Configuration

CUTOFF = 2.0
# Vectors of each particle, by rung: displacement from the inherent structure, then those after a release.
ARROWS = {1: 0, 2: 1, 3: 1 + len(RELEASES)}
_OF_THERMAL = 9


@dataclass
class Described:
    """A configuration before the linear model is fitted: features (N, F) and level as of `Linear.features`.

    inputs: without the columns `half`.
    """

    inputs: Inputs
    features: np.ndarray
    level: float


def own_columns(rung: int) -> int:
    """Return how many numbers of each particle the networks read."""
    return len(names(BY_RUNG[rung])) + (_OF_THERMAL if rung > 1 else 0)


def describe(structure: Configuration, linear: Linear) -> Described:
    """Return what is known of a configuration on the rung of a linear model; it is minimised first where need be.

    Raises InputError as `Linear.features` does, and where the box is smaller than two cutoffs.
    """
    rung = linear.given
    positions, types, box = structure.positions, np.asarray(structure.types), structure.box
    places = [positions] if rung == 1 else [positions, quenched(structure)]
    features, level = linear.features(replace(structure, inherent_positions=places[-1]))
    # The features are differences between successive averages, then the last: their sum is the particle's own numbers.
    columns = [features.reshape(len(types), linear.generations + 1, -1).sum(axis=1)]
    if rung > 1:
        thermal = mechanics(positions, types, box) | cells(positions, box)
        columns += [centred(np.stack(list(thermal.values()), axis=1), types)]
        columns += [descriptors.thermal_displacement(positions, places[1], box)]
    if rung > 2:
        columns += [displacements(positions, types, box, RELEASES).reshape(len(types), -1)]
    senders, receivers = edges(places, box)
    graphs = [from_edges(place, types, box, senders, receivers) for place in places]
    inputs = Inputs.of(graphs[0], np.concatenate(columns, axis=1).astype(np.float32))
    inputs.vectors = torch.from_numpy(np.stack([graph.vectors for graph in graphs]))
    return Described(inputs, features, level)


def edges(places: list[np.ndarray], box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return senders, receivers (E,) of the pairs < CUTOFF in any of `places`, both ways, by receiver, then sender."""
    pairs = np.unique(np.concatenate([neighbour_pairs(place, box, CUTOFF) for place in places]), axis=0)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.lexsort((both[:, 0], both[:, 1]))]
    return both[:, 0], both[:, 1]
