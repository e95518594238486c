"""How a network's predictions for marked particles respond to changes of the structure beyond a shell."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from analysis.perturbation import surroundings
from analysis.perturbation.configurations import Examined
from analysis.perturbation.surroundings import Surroundings
from learn.data.inputs import Inputs
from learn.models.model import Piece, Trained
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
    total = sum(len(particles) for particles in chosen)
    n_times = len(trained.time)
    half_box = float(min(one.graph.box.min() for one in examined) / 2)
    n_bins = int(half_box / BIN_WIDTH)
    full, truth = np.full((2, n_times, total), np.nan)
    changed: dict[tuple, np.ndarray] = defaultdict(lambda: np.full((n_times, total), np.nan))
    responses = Responses(
        trained.time,
        full,
        truth,
        changed,
        np.repeat(np.arange(len(chosen)), [len(particles) for particles in chosen]),
        np.concatenate(chosen),
        np.full(total, np.nan),
        np.zeros((n_times, n_bins, total)),
        np.zeros((n_bins, total), int),
        examined[0].temperature,
        half_box,
    )
    # Removal needs no more than the largest shell; the other kinds need all that the network can see.
    hops = int(max(plan.shells)) if plan.kinds == ("removal",) and not plan.metric else None
    place = 0
    with _Workers(plan.threads) as workers, command.progress(total, "shells", "particle") as bar:
        queue = _Queue(trained, changed, plan.batch_edges, workers)
        for one, particles in zip(examined, chosen, strict=True):
            first = surroundings.first_edge(one.graph)
            inside = slice(place, place + len(particles))
            full[:, inside] = trained.propensity(one.inputs)[0][:, particles]
            truth[:, inside] = one.truth[:, particles]
            for particle in particles:
                around = surroundings.around(one.graph, particle, first, hops, plan.metric)
                piece = _piece(one.inputs, around)
                responses.wraps_from[place] = around.wraps_from
                fitting = [shell for shell in plan.shells if plan.include_wrapped or shell < around.wraps_from]
                # In order: what is computed together decides about the last digits.
                for kind in [kind for kind in plan.kinds if kind != "gradient"]:
                    _perturb(queue, kind, piece, around, fitting, plan.deltas, place)
                if "gradient" in plan.kinds:
                    take = partial(_differentiate, responses, around, fitting, place)
                    workers.submit(take, _gradient, trained, piece)
                place += 1
                bar.update()
        queue.flush()
    return responses


class _Workers:
    """Threads that compute (torch lets go of Python's lock meanwhile); results are taken up in the calling thread.

    No more than two tasks per thread wait, which bounds the memory.
    """

    def __init__(self, threads: int):
        self.executor, self.most = ThreadPoolExecutor(threads), 2 * threads
        self.pending: deque[tuple[Callable, Future]] = deque()

    def submit(self, take: Callable, compute: Callable, *arguments: Any) -> None:
        if len(self.pending) >= self.most:
            self._take_one()
        self.pending.append((take, self.executor.submit(compute, *arguments)))

    def _take_one(self) -> None:
        take, future = self.pending.popleft()
        take(future.result())

    def __enter__(self) -> "_Workers":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        try:
            while self.pending and kind is None:
                self._take_one()
        finally:
            self.executor.shutdown(cancel_futures=True)


class _Queue:
    """Collects perturbed graphs until they hold `batch_edges` edges, then has them predicted together."""

    def __init__(self, trained: Trained, changed: dict, batch_edges: int, workers: _Workers):
        self.trained, self.changed, self.batch_edges, self.workers = trained, changed, batch_edges, workers
        self.waiting: list[tuple[tuple, int, Piece]] = []
        self.edges = 0

    def add(self, key: tuple, place: int, piece: Piece) -> None:
        self.waiting.append((key, place, piece))
        self.edges += len(piece.inputs.senders)
        if self.edges >= self.batch_edges:
            self.flush()

    def flush(self) -> None:
        if self.waiting:
            pieces = [piece for _, _, piece in self.waiting]
            take = partial(self._take, [(key, place) for key, place, _ in self.waiting])
            self.workers.submit(take, _predicted, self.trained, pieces)
        self.waiting, self.edges = [], 0

    def _take(self, places: list[tuple[tuple, int]], outputs: np.ndarray) -> None:
        for (key, place), output in zip(places, outputs, strict=True):
            self.changed[key][:, place] = output


def _piece(whole: Inputs, around: Surroundings) -> Piece:
    return Piece(whole.part(around.particles, around.edges), around.hop)


def _predicted(trained: Trained, pieces: list[Piece]) -> np.ndarray:
    """Return the propensities (pieces, M) of the marked particles."""
    with torch.no_grad():
        return trained.mean + trained.scale * trained.network.marked(pieces).numpy().astype(np.float64)


def _perturb(
    queue: _Queue,
    kind: str,
    piece: Piece,
    around: Surroundings,
    shells: Iterable[float],
    deltas: Iterable[float],
    place: int,
) -> None:
    for shell in shells:
        if kind == "removal":
            particles, edges = surroundings.kept(around, shell)
            left = queue.trained.network.restricted(piece.inputs, particles, edges)
            queue.add((kind, shell, np.nan), place, Piece(left, piece.hop[particles]))
            continue
        push = surroundings.push(around, shell)
        for delta in deltas:
            pushed = queue.trained.network.pushed(piece.inputs, torch.from_numpy((delta * push).astype(np.float32)))
            queue.add((kind, shell, delta), place, Piece(pushed, piece.hop))


def _gradient(trained: Trained, piece: Piece) -> np.ndarray:
    """Return d propensity of the marked particle / d vector of each edge, (M, E, 3)."""
    inputs = replace(piece.inputs, vectors=piece.inputs.vectors.clone().requires_grad_())
    (output,) = trained.network.marked([Piece(inputs, piece.hop)])
    each = [torch.autograd.grad(one, inputs.vectors, retain_graph=True)[0].sum(dim=0) for one in output]
    return torch.stack(each).numpy().astype(np.float64) * trained.scale[:, None, None]


def _differentiate(responses: Responses, around: Surroundings, shells: list, place: int, gradient: np.ndarray) -> None:
    for shell in shells:
        push = surroundings.push(around, shell)
        responses.changed["gradient", shell, np.nan][:, place] = np.einsum("mei,ei->m", gradient, push)
    distance = np.linalg.norm(around.apart_of_particles, axis=1)
    size = np.linalg.norm(on_particles(gradient, around), axis=2)
    bins = (distance / BIN_WIDTH).astype(int)
    # The marked particle itself, at distance 0, is not its surroundings.
    counted = (bins < len(responses.pairs)) & (np.arange(len(bins)) > 0)
    responses.pairs[:, place] = np.bincount(bins[counted], minlength=len(responses.pairs))
    for squares, row in zip(responses.squares, size, strict=True):
        squares[:, place] = np.bincount(bins[counted], weights=row[counted] ** 2, minlength=len(responses.pairs))


def on_particles(gradient: np.ndarray, around: Surroundings) -> np.ndarray:
    """Return d prediction / d position (M, K, 3) from the derivatives by edge vectors (M, E, 3): v = r_to - r_from."""
    n_times, _, _ = gradient.shape
    found = np.zeros((n_times, len(around.particles), 3))
    for time in range(n_times):
        np.add.at(found[time], around.receivers, gradient[time])
        np.subtract.at(found[time], around.senders, gradient[time])
    return found
