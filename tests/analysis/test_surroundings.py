"""Shells, removal and gap, against an explicit infinite liquid of periodic images."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from analysis.perturbation import surroundings
from learn.data.graph import build

EDGE = 8.0


def liquid(cutoff, seed=0):
    """A distorted simple cubic crystal: 512 particles at density 1."""
    generator = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(8.0)] * 3), axis=-1).reshape(-1, 3)
    positions = grid + generator.uniform(-0.3, 0.3, grid.shape) + generator.integers(-2, 3, grid.shape) * EDGE
    return build(positions, (generator.random(512) < 0.2).astype(np.int8), np.full(3, EDGE), cutoff)


def infinite(graph, marked, cutoff, hops):
    """Hop and identity of every image within `hops` of the marked particle, by distances in a lattice of 5^3 boxes."""
    centred = graph.positions - graph.positions[marked]
    centred -= EDGE * np.rint(centred / EDGE)
    shifts = EDGE * np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3), axis=-1).reshape(-1, 3)
    images = (centred[:, None] + shifts).reshape(-1, 3)
    identity = np.repeat(np.arange(len(centred)), len(shifts))
    hop = np.full(len(images), -1)
    hop[np.flatnonzero((np.abs(images) < 1e-9).all(axis=1))] = 0
    for number in range(1, hops + 1):
        near = cKDTree(images[hop == number - 1]).query(images)[0] < cutoff
        hop[near & (hop < 0)] = number
    found = hop >= 0
    return identity[found], images[found], hop[found]


@pytest.mark.parametrize("marked", [0, 77])
def test_kept_cluster_is_that_of_the_infinite_liquid(marked):
    cutoff = 1.4
    graph = liquid(cutoff)
    around = surroundings.around(graph, marked, surroundings.first_edge(graph))
    assert around.particles[0] == marked
    assert (np.diff(around.hop) >= 0).all()
    identity, images, hop = infinite(graph, marked, cutoff, 5)
    # The first shell at which the infinite cluster holds a particle twice.
    repeated = [h for h in range(1, 6) if len(np.unique(identity[hop <= h])) < (hop <= h).sum()]
    assert around.wraps_from == repeated[0]
    assert around.wraps_from > 2
    for shell in range(1, int(around.wraps_from)):
        within = hop <= shell
        inside, edges = surroundings.kept(around, shell)
        np.testing.assert_array_equal(np.sort(around.particles[inside]), np.sort(identity[within]))
        distance = np.linalg.norm(images[within][:, None] - images[within][None], axis=2)
        expected = {(identity[within][a], identity[within][b]) for a, b in np.argwhere(distance < cutoff)}
        ours = zip(around.particles[around.senders[edges]], around.particles[around.receivers[edges]], strict=True)
        assert set(ours) == expected


@pytest.mark.parametrize("metric", [False, True])
def test_gap_pushes_every_edge_of_the_infinite_liquid(metric):
    """Move the images themselves and look at the edge vectors; edges near the marked particle are unique there."""
    cutoff, delta, shell = 1.4, 0.01, 2
    graph = liquid(cutoff)
    around = surroundings.around(graph, 5, surroundings.first_edge(graph), metric=metric)
    push = surroundings.push(around, shell)
    identity, images, hop = infinite(graph, 5, cutoff, 4)
    distance = np.linalg.norm(images, axis=1)
    outside = (distance if metric else hop) > shell
    moved = images * (1 + delta * outside / np.where(distance > 0, distance, 1))[:, None]
    local = {particle: index for index, particle in enumerate(around.particles)}
    edges = {(s, r): e for e, (s, r) in enumerate(zip(around.senders, around.receivers, strict=True))}
    checked = 0
    for a, b in np.argwhere(np.linalg.norm(images[:, None] - images[None], axis=2) < cutoff):
        if distance[a] < 3 and distance[b] < 3:
            edge = edges[local[identity[a]], local[identity[b]]]
            pushed = around.vectors[edge] + delta * push[edge]
            np.testing.assert_allclose(pushed, moved[b] - moved[a], atol=2e-6)
            checked += outside[a] or outside[b]
    assert checked > 100


def test_no_two_particles_are_pushed_into_each_other_across_the_box():
    """Beyond the shell the push only stretches: no edge between two pushed particles shrinks."""
    graph = liquid(1.4)
    around = surroundings.around(graph, 9, surroundings.first_edge(graph))
    beyond = (around.rank[around.senders] > 1) & (around.rank[around.receivers] > 1)
    growth = (surroundings.push(around, 1) * around.vectors).sum(axis=1)[beyond]
    assert around.crossing[beyond].any()
    assert growth.min() > -1e-6


def test_reach_limits_the_surroundings():
    graph = liquid(1.4)
    first = surroundings.first_edge(graph)
    near, all_of_it = (surroundings.around(graph, 3, first, hops) for hops in (2, None))
    assert len(all_of_it.particles) == 512
    assert len(all_of_it.senders) == len(graph.senders)
    assert near.hop.max() == 2
    np.testing.assert_array_equal(near.particles, all_of_it.particles[all_of_it.hop <= 2])


def test_metric_shells_are_distances():
    graph = liquid(1.4)
    around = surroundings.around(graph, 3, surroundings.first_edge(graph), metric=True)
    vectors = graph.positions[around.particles] - graph.positions[3]
    vectors -= EDGE * np.rint(vectors / EDGE)
    np.testing.assert_allclose(around.rank, np.linalg.norm(vectors, axis=1))
    assert around.wraps_from == EDGE / 2
    inside, _ = surroundings.kept(around, 2.5)
    np.testing.assert_array_equal(inside, around.rank <= 2.5)
