"""The linear model at limited ranges: trained again with the averages of 0, 1, ... generations of neighbours.

Averages of g generations see what g steps between neighbours reach, no further; they are computed so, and the model of
range g is fitted to them alone. The sums that ridge regression needs are taken once, with all generations: those of
fewer are a part of them. Every configuration is scored by a model that did not learn from it.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from learn.data.dataset import Sample
from learn.models.linear import descriptors
from learn.models.linear import model as linear
from learn.models.linear.model import Statistics

FOLDS = 8
# Particles whose surroundings are looked at to measure how far a generation sees.
LOOKED_AT = 200
# The share of the squared weight that counts as seen.
WITHIN = 0.95


def own_inputs(sample: Sample, groups: Sequence[str]) -> np.ndarray:
    """Return a particle's own inputs (N, S): those of some `groups` of linear.GROUPS."""
    graph = sample.graph
    return linear.describe(graph.positions, graph.types, graph.box, sample.quenched_positions, groups)


def sums(own: np.ndarray, sample: Sample, target: np.ndarray, species: int, generations: int) -> Statistics:
    """Return what ridge regression needs of one configuration, averages (generations + 1) x own inputs (N, S).

    target: (M, N), of which particles of `species` count.
    """
    every = descriptors.averages(own, sample.quenched_positions, sample.graph.box, linear.AVERAGING_LENGTH, generations)
    chosen = sample.graph.types == species
    flat = np.concatenate(list(every[:, chosen]), axis=1)
    return linear.statistics(flat - flat.mean(axis=0), target[:, chosen], np.ones(len(flat), dtype=bool), 0.0)


def restricted(of: Statistics, own: int, generations: int) -> Statistics:
    """Return the sums of the first `generations` only, as differences between successive averages and the last one.

    own: the number of a particle's own inputs. The model's inputs are these differences: shells of growing radius.
    """
    size, kept = len(of.inputs), (generations + 1) * own
    change = np.zeros((size, kept))
    change[:kept] = np.eye(kept) - np.eye(kept, k=-own)
    return replace(of, inputs=change.T @ of.inputs @ change, cross=change.T @ of.cross)


def held_out(parts: Sequence[Statistics]) -> np.ndarray:
    """Return Pearson's correlation (C, M) of every configuration, predicted by models of the others.

    The configurations are left out an eighth at a time. The penalty of each fold and time is the one that does best on
    the held-out configurations of the other folds.
    """
    folds = np.arange(len(parts)) % min(FOLDS, len(parts))
    table = np.empty((len(parts), len(linear.PENALTIES), parts[0].cross.shape[1]))
    for fold in range(folds.max() + 1):
        others = [part for part, of in zip(parts, folds, strict=True) if of != fold]
        weights = linear.solve(others, linear.PENALTIES)
        for place in np.flatnonzero(folds == fold):
            table[place] = [linear.scores(parts[int(place)], each) for each in weights]
    found = np.empty((len(parts), table.shape[2]))
    for index in range(len(parts)):
        best = table[folds != folds[index]].mean(axis=0).argmax(axis=0)
        found[index] = table[index, best, np.arange(table.shape[2])]
    return found


def distances(sample: Sample, generations: int) -> tuple[np.ndarray, np.ndarray]:
    """Return, for 0 ... `generations`, how far averages see (sigma).

    First the distance that holds WITHIN of the squared weight, then that of the farthest particle with any.
    """
    positions, box = sample.quenched_positions, sample.graph.box
    n = len(positions)
    looked_at = np.linspace(0, n - 1, min(n, LOOKED_AT)).astype(int)
    marks = np.zeros((n, len(looked_at)))
    marks[looked_at, np.arange(len(looked_at))] = 1
    # Averages of a mark that only one particle carries: how much everybody sees of it.
    every = descriptors.averages(marks, positions, box, linear.AVERAGING_LENGTH, generations)
    apart = descriptors.minimum_image(positions[:, None] - positions[looked_at], box)
    distance = np.sqrt((apart**2).sum(axis=-1)).ravel()
    order = np.argsort(distance)
    within, farthest = [], []
    for seen in every.reshape(generations + 1, -1):
        squared = np.cumsum(seen[order] ** 2)
        within.append(distance[order][np.searchsorted(squared, WITHIN * squared[-1])])
        farthest.append(distance[seen > 0].max())
    return np.array(within), np.array(farthest)
