"""The shells around one marked particle, and what is done to them: removal and gap.

Two kinds of shell. Topological: shell h holds the particles h edges away in the unperturbed graph (Bapst et al., Nature
Physics 16, 448 (2020)). Metric: the particles at a distance, minimum image. Both are a number per particle, its `rank`.

Periodic images. A box that repeats is an infinite liquid in which every particle has images. Surroundings reach to a
rank without wrapping if they hold no particle twice there; from `wraps_from` on they would. Up to there, removal
cuts the same cluster as from the infinite liquid: an edge that joins two kept particles around the box is one to an
image outside, and goes. The gap moves edges, not positions: each edge is moved as its copy nearest to the marked
particle, so no pushed particle meets another from across the box.
"""

from dataclasses import dataclass

import numpy as np

from learn.data.graph import Graph
from simulate.liquid.box import minimum_image


@dataclass
class Surroundings:
    """What one marked particle sees: K particles, itself first, sorted by hop; the edges among them, by receiver.

    particles (K,) indices into the graph; hop (K,) edges from the marked particle; rank (K,) number that orders the
    shells; apart_of_particles (K, 3) minimum-image vectors from the marked particle; senders, receivers (E,) indices
    into `particles`; vectors (E, 3) float32 r_receiver - r_sender; crossing (E,) the edge runs around the box; outward
    (E, 2, 3) unit vectors from the marked particle to receiver and sender, for the copy of the edge nearest to it;
    wraps_from: the smallest rank at which a particle appears twice.
    """

    particles: np.ndarray
    hop: np.ndarray
    rank: np.ndarray
    apart_of_particles: np.ndarray
    edges: np.ndarray
    senders: np.ndarray
    receivers: np.ndarray
    vectors: np.ndarray
    crossing: np.ndarray
    outward: np.ndarray
    wraps_from: float


def first_edge(graph: Graph) -> np.ndarray:
    """Return (N + 1,): the edges into particle i are those from first_edge[i] to first_edge[i + 1]."""
    return np.searchsorted(graph.receivers, np.arange(len(graph.types) + 1))


def around(graph: Graph, marked: int, first: np.ndarray, hops: int | None = None, metric: bool = False) -> Surroundings:
    """Return the surroundings of a particle: all within `hops` edges (None: all that the graph joins to it).

    `first` is `first_edge(graph)`, made once for many marked particles.
    """
    hop, from_marked = _breadth_first(graph, marked, first, hops)
    found = np.flatnonzero(hop >= 0)
    particles = found[np.argsort(hop[found], kind="stable")]
    nearest = minimum_image(graph.positions - graph.positions[marked], graph.box)
    if metric:
        from_marked = nearest
    edges = _edges_into(particles, first)
    edges = edges[hop[graph.senders[edges]] >= 0]
    sender, receiver, vectors = graph.senders[edges], graph.receivers[edges], graph.vectors[edges]
    direct = from_marked[receiver] - from_marked[sender]
    # An edge around the box differs by a whole edge of the box; rounding by 1e-6.
    crossing = (np.abs(direct - vectors) > 0.1 * graph.box).any(axis=1)
    local = np.full(len(hop), -1)
    local[particles] = np.arange(len(particles))
    return Surroundings(
        particles=particles,
        hop=hop[particles],
        rank=np.linalg.norm(from_marked[particles], axis=1) if metric else hop[particles].astype(float),
        edges=edges,
        apart_of_particles=nearest[particles],
        senders=local[sender],
        receivers=local[receiver],
        vectors=vectors,
        crossing=crossing,
        outward=_outward(from_marked[receiver], from_marked[sender], vectors),
        wraps_from=_wraps_from(hop, sender, receiver, crossing, graph.box, metric),
    )


def hops(graph: Graph, marked: int) -> np.ndarray:
    """Return how many edges every particle is away from the marked one, (N,); -1 where no path leads there."""
    return _breadth_first(graph, marked, first_edge(graph), None)[0]


def _breadth_first(graph: Graph, marked: int, first: np.ndarray, hops: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return each particle's hop (N,), -1 beyond reach, and its vector (N, 3) from the marked one along the edges."""
    hop = np.full(len(graph.types), -1)
    from_marked = np.zeros((len(graph.types), 3))
    hop[marked], frontier, reached = 0, np.array([marked]), 0
    while len(frontier) and (hops is None or reached < hops):
        reached += 1
        edges = _edges_into(frontier, first)
        edges = edges[hop[graph.senders[edges]] < 0]
        frontier, chosen = np.unique(graph.senders[edges], return_index=True)
        edges = edges[chosen]
        hop[frontier] = reached
        from_marked[frontier] = from_marked[graph.receivers[edges]] - graph.vectors[edges]
    return hop, from_marked


def _edges_into(particles: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return the numbers of the edges into the particles, in the order of the particles."""
    count = first[particles + 1] - first[particles]
    offset = np.repeat(first[particles] - np.concatenate([[0], count.cumsum()[:-1]]), count)
    return offset + np.arange(count.sum())


def _outward(receiver: np.ndarray, sender: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return the directions (E, 2, 3) of both ends of each edge, placed by the end nearer to the marked particle."""
    receiver_is_nearer = np.einsum("ei,ei->e", receiver, receiver) <= np.einsum("ei,ei->e", sender, sender)
    end = np.where(receiver_is_nearer[:, None], receiver, sender + vectors)
    ends = np.stack([end, end - vectors], axis=1)
    distance = np.sqrt(np.einsum("eai,eai->ea", ends, ends))
    return ends / np.where(distance > 0, distance, 1)[:, :, None]


def _wraps_from(
    hop: np.ndarray, sender: np.ndarray, receiver: np.ndarray, crossing: np.ndarray, box: np.ndarray, metric: bool
) -> float:
    if metric:
        return box.min() / 2
    # Around a crossing edge one step from hop a reaches an image of a particle that has a hop already.
    return float(np.minimum(hop[sender], hop[receiver])[crossing].min() + 1) if crossing.any() else np.inf


def kept(surroundings: Surroundings, shell: float) -> tuple[np.ndarray, np.ndarray]:
    """Return which particles (K,) and which edges (E,) removal of everything beyond `shell` leaves."""
    inside = surroundings.rank <= shell
    edges = inside[surroundings.senders] & inside[surroundings.receivers]
    if shell < surroundings.wraps_from:
        edges &= ~surroundings.crossing
    return inside, edges


def push(surroundings: Surroundings, shell: float) -> np.ndarray:
    """Return d(edge vector) / d(gap), (E, 3): everything beyond `shell` moves outwards radially by the gap.

    The vector of an edge changes by n_receiver - n_sender, n the unit vector from the marked particle to a particle
    beyond `shell`, zero for one within. Edges are those of the unperturbed graph: none appears or goes.
    """
    outside = (surroundings.rank > shell)[np.stack([surroundings.receivers, surroundings.senders], axis=1)]
    return surroundings.outward[:, 0] * outside[:, :1] - surroundings.outward[:, 1] * outside[:, 1:]
