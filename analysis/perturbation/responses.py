"""How a network's predictions for marked particles respond to changes of the structure beyond a shell."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch

from analysis.perturbation import surroundings
from analysis.perturbation.configurations import Examined
from analysis.perturbation.surroundings import Surroundings
from learn.models.model import Model, Piece, Trained
from simulate.stage import command, seeds

KINDS = ("removal", "gap", "gradient")
DELTAS = (0.01, 0.02, 0.05, 0.1)
# Width of the distance bins of the sensitivity, sigma_AA.
BIN_WIDTH = 0.25


@dataclass
class Plan:
    """What to compute: kinds, shells (hops, or distances where `metric`), gap widths; batch_edges bounds the memory."""

    kinds: tuple[str, ...]
    shells: tuple[float, ...]
    deltas: tuple[float, ...] = DELTAS
    metric: bool = False
    include_wrapped: bool = False
    batch_edges: int = 60_000
    threads: int = 1

    @property
    def changes(self) -> list[tuple[str, float, float]]:
        """Every (kind, shell, delta), delta NaN but for gaps."""
        gaps = {"gap": self.deltas}
        return [(kind, shell, d) for kind in self.kinds for shell in self.shells for d in gaps.get(kind, (np.nan,))]


@dataclass
class Responses:
    """The answer of every marked particle, P in all: full, truth (M, P); changed[kind, shell, delta] (M, P).

    NaN in `changed` where the shell wraps around the box. For `gradient`, `changed` holds the derivative.
    configuration, particle (P,): whose number and place in it; wraps_from (P,): the shell that wraps around the box;
    squares (M, B, P), pairs (B, P): sum of |d prediction / d r_j|^2 over the pairs in B bins of distance, and
    their number.
    """

    time: np.ndarray
    full: np.ndarray
    truth: np.ndarray
    changed: dict[tuple[str, float, float], np.ndarray]
    configuration: np.ndarray
    particle: np.ndarray
    wraps_from: np.ndarray
    squares: np.ndarray
    pairs: np.ndarray
    temperature: float
    half_box: float


def choose(examined: list[Examined], n: int, seed: int) -> list[np.ndarray]:
    """Return the marked A particles of every configuration, n in all spread evenly, or all A there are."""
    generator = seeds.generator(seed, "shells")
    share = [n // len(examined) + (index < n % len(examined)) for index in range(len(examined))]
    chosen = []
    for one, count in zip(examined, share, strict=True):
        candidates = np.flatnonzero(one.graph.types == 0)
        chosen.append(np.sort(generator.choice(candidates, min(count, len(candidates)), replace=False)))
    return chosen


def respond(trained: Trained, examined: list[Examined], chosen: list[np.ndarray], plan: Plan) -> Responses:
    """Return how the predictions for the chosen particles respond."""
    marked = [(index, particle) for index, particles in enumerate(chosen) for particle in particles]
    configuration, particle = np.array(marked).T
    shape = len(trained.time), len(marked)
    half_box = float(min(one.graph.box.min() for one in examined) / 2)
    n_bins = int(half_box / BIN_WIDTH)
    full = [trained.propensity(one.inputs)[0][:, particles] for one, particles in zip(examined, chosen, strict=True)]
    truth = [one.truth[:, particles] for one, particles in zip(examined, chosen, strict=True)]
    responses = Responses(
        trained.time,
        np.concatenate(full, axis=1),
        np.concatenate(truth, axis=1),
        {change: np.full(shape, np.nan) for change in plan.changes},
        configuration,
        particle,
        np.full(len(marked), np.nan),
        np.zeros((shape[0], n_bins, shape[1])),
        np.zeros((n_bins, len(marked)), int),
        examined[0].temperature,
        half_box,
    )
    first = [surroundings.first_edge(one.graph) for one in examined]

    def answer(index: int, particle: int) -> Answer:
        return _answer(trained, examined[index], particle, first[index], plan, n_bins)

    # torch lets go of Python's lock while it computes.
    workers = ThreadPoolExecutor(plan.threads)
    try:
        with command.progress(len(marked), "shells", "particle") as bar:
            for place, found in enumerate(workers.map(answer, configuration, particle)):
                responses.wraps_from[place] = found.wraps_from
                responses.squares[:, :, place], responses.pairs[:, place] = found.squares, found.pairs
                for change, values in found.changed.items():
                    responses.changed[change][:, place] = values
                bar.update()
    finally:
        workers.shutdown(cancel_futures=True)
    return responses


@dataclass
class Answer:
    """What `Responses` holds of one marked particle: changed[kind, shell, delta] (M,), squares (M, B), pairs (B,)."""

    wraps_from: float
    changed: dict[tuple[str, float, float], np.ndarray]
    squares: np.ndarray
    pairs: np.ndarray


def _answer(trained: Trained, one: Examined, particle: int, first: np.ndarray, plan: Plan, n_bins: int) -> Answer:
    # Removal needs no more than the largest shell; the other kinds need all that the network can see.
    hops = int(max(plan.shells)) if plan.kinds == ("removal",) and not plan.metric else None
    around = surroundings.around(one.graph, particle, first, hops, plan.metric)
    piece = Piece(one.inputs.part(around.particles, around.edges), around.hop)
    changes = [change for change in plan.changes if plan.include_wrapped or change[1] < around.wraps_from]
    found = Answer(around.wraps_from, {}, np.zeros((len(trained.time), n_bins)), np.zeros(n_bins, int))
    finite = [change for change in changes if change[0] != "gradient"]
    for batch in _batches(finite, piece, plan.batch_edges):
        pieces = [_changed(trained.network, piece, around, *change) for change in batch]
        found.changed |= dict(zip(batch, _predicted(trained, pieces), strict=True))
    if "gradient" in plan.kinds:
        gradient = _gradient(trained, piece)
        for change in [change for change in changes if change[0] == "gradient"]:
            found.changed[change] = np.einsum("mei,ei->m", gradient, surroundings.push(around, change[1]))
        _sensitivity(found, gradient, around)
    return found


def _batches(changes: list, piece: Piece, batch_edges: int) -> Iterator[list]:
    """Yield changes that are predicted together: at most `batch_edges` edges, or one."""
    size = max(1, batch_edges // max(1, len(piece.inputs.senders)))
    yield from (changes[start : start + size] for start in range(0, len(changes), size))


def _changed(network: Model, piece: Piece, around: Surroundings, kind: str, shell: float, delta: float) -> Piece:
    """Return what is left of a piece by removal, or the piece with a gap of `delta`."""
    if kind == "removal":
        particles, edges = surroundings.kept(around, shell)
        return Piece(network.restricted(piece.inputs, particles, edges), piece.hop[particles])
    push = (delta * surroundings.push(around, shell)).astype(np.float32)
    return Piece(network.pushed(piece.inputs, torch.from_numpy(push)), piece.hop)


def _predicted(trained: Trained, pieces: list[Piece]) -> np.ndarray:
    """Return the propensities (pieces, M) of the marked particles."""
    with torch.no_grad():
        return trained.mean + trained.scale * trained.network.marked(pieces).numpy().astype(np.float64)


def _gradient(trained: Trained, piece: Piece) -> np.ndarray:
    """Return d propensity of the marked particle / d vector of each edge, (M, E, 3)."""
    inputs = replace(piece.inputs, vectors=piece.inputs.vectors.clone().requires_grad_())
    (output,) = trained.network.marked([Piece(inputs, piece.hop)])
    each = [torch.autograd.grad(one, inputs.vectors, retain_graph=True)[0].sum(dim=0) for one in output]
    return torch.stack(each).numpy().astype(np.float64) * trained.scale[:, None, None]


def _sensitivity(found: Answer, gradient: np.ndarray, around: Surroundings) -> None:
    """Sort the squares of d prediction / d position (M, K, 3) by distance into the bins of an answer."""
    n_bins = len(found.pairs)
    bins = (np.linalg.norm(around.apart_of_particles, axis=1) / BIN_WIDTH).astype(int)
    size = np.linalg.norm(on_particles(gradient, around), axis=2)
    # The marked particle itself, at distance 0, is not its surroundings.
    counted = (bins < n_bins) & (np.arange(len(bins)) > 0)
    found.pairs[:] = np.bincount(bins[counted], minlength=n_bins)
    for squares, row in zip(found.squares, size, strict=True):
        squares[:] = np.bincount(bins[counted], weights=row[counted] ** 2, minlength=n_bins)


def on_particles(gradient: np.ndarray, around: Surroundings) -> np.ndarray:
    """Return d prediction / d position (M, K, 3) from the derivatives by edge vectors (M, E, 3): v = r_to - r_from."""
    n_times, _, _ = gradient.shape
    found = np.zeros((n_times, len(around.particles), 3))
    for time in range(n_times):
        np.add.at(found[time], around.receivers, gradient[time])
        np.subtract.at(found[time], around.senders, gradient[time])
    return found
