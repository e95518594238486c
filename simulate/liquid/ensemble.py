"""Runs of an isoconfigurational ensemble, several at once, and how far each is.

Runs are independent, so several contexts run in threads (OpenMM's `step` releases the interpreter lock): on CPUs one
context of one thread per core, which beats one context of many threads; on a GPU as many as keep it busy. What a run
gives depends on its number and the seed only, never on how many run at once.

A *supercell* of K^3 periodic images of one configuration in a box of K L, each image with velocities of its own, is one
system that carries K^3 runs. It is not the ensemble of the N-particle periodic box: displacements come out larger by
the finite-size slowing that the small box has.
"""

import threading
import time as clock
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import numpy as np

from simulate.liquid import dynamics
from simulate.liquid.configuration import Configuration
from simulate.liquid.dynamics import Engine
from simulate.stage import seeds
from simulate.stage.command import Interrupted

STAGE = "isoconfigurational"


@dataclass
class Batch:
    """How far the runs of one context are: times recorded, and the state at `step` of the restart point before."""

    recorded: int = 0
    step: int = 0
    state: bytes = b""


@dataclass
class Progress:
    """How far an ensemble is: targets (batches, M, images, N, 3), filled for each batch up to what it has recorded."""

    targets: np.ndarray
    batches: list[Batch] = field(default_factory=list)

    @classmethod
    def of(cls, n_runs: int, n_times: int, images: int, n: int) -> "Progress":
        """Return the start of an ensemble of at least `n_runs`, `images` of them to a batch."""
        count = -(-n_runs // images)
        targets = np.full((count, n_times, images, n, 3), np.nan, dtype=np.float32)
        return cls(targets, [Batch() for _ in range(count)])

    def runs(self, n_runs: int) -> np.ndarray:
        """Return the positions (M, R, N, 3) of the first `n_runs`."""
        batches, times, images, n, _ = self.targets.shape
        return self.targets.swapaxes(0, 1).reshape(times, batches * images, n, 3)[:, :n_runs]

    def steps(self, grid: np.ndarray) -> int:
        """Return how many of the steps (M,) of a batch are behind, summed over batches."""
        return sum(int(grid[-1]) if batch.recorded == len(grid) else batch.step for batch in self.batches)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what a restart file holds."""
        # Read once: engines that are not at a restart point go on recording meanwhile.
        recorded = [batch.recorded for batch in self.batches]
        found = {"recorded": np.array(recorded), "step": np.array([batch.step for batch in self.batches])}
        for index, batch in enumerate(self.batches):
            if recorded[index]:
                found[f"targets{index}"] = self.targets[index, : recorded[index]]
            if state := batch.state:
                found[f"state{index}"] = np.frombuffer(state, dtype=np.uint8)
        return found

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Take over what a restart file holds."""
        for index, batch in enumerate(self.batches):
            batch.recorded, batch.step = int(arrays["recorded"][index]), int(arrays["step"][index])
            batch.state = arrays[f"state{index}"].tobytes() if f"state{index}" in arrays else b""
            if batch.recorded:
                self.targets[index, : batch.recorded] = arrays[f"targets{index}"]


def supercell(start: Configuration, edge: int) -> Configuration:
    """Return edge^3 periodic images of a configuration as one, image by image."""
    shifts = np.stack(np.meshgrid(*[np.arange(edge)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3) * start.box
    positions = (start.positions + shifts).reshape(-1, 3)
    return Configuration(positions, np.tile(start.types, edge**3), start.box * edge, start.temperature)


def time_grid(times: np.ndarray, time_step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return for each time the whole steps before it, and the rest (below one step).

    A rest below a millionth of a step is rounding, and dropped.
    """
    steps = np.floor(times / time_step + 1e-6).astype(int)
    rests = np.maximum(times - steps * time_step, 0.0)
    return steps, np.where(rests < 1e-6 * time_step, 0.0, rests)


def run(
    start: Configuration,
    times: np.ndarray,
    engines: list[Engine],
    progress: Progress,
    seed: int,
    sample: int,
    *,
    save: Callable[[], None] = lambda: None,
    moved: Callable[[int], object] = lambda steps: None,
) -> None:
    """Bring `progress` to its end: all runs at `times` (M,), each engine one batch after another, all at once.

    Engines hold `start`, or a supercell of as many images as a batch has. `save` is called at every restart point and
    at the end of every batch with `progress` up to date. With a langevin bath the motion of the centre of mass is
    subtracted. Raises InputError where a run blows up or starts with an overlap, Interrupted where `save` does: the
    other engines then stop at their next restart point.
    """
    lock, failed = threading.Lock(), threading.Event()
    waiting = [index for index, batch in enumerate(progress.batches) if batch.recorded < len(times)]
    waiting.sort(key=lambda index: progress.batches[index].step, reverse=True)

    def work(engine: Engine) -> None:
        try:
            while waiting and not failed.is_set():
                with lock:
                    index = waiting.pop(0) if waiting else None
                if index is not None:
                    _advance(start, times, engine, progress, index, seed, sample, mark, told)
                    with lock:
                        save()
        except BaseException:
            failed.set()
            raise

    def mark(index: int, engine: Engine) -> None:
        with lock:
            progress.batches[index].step, progress.batches[index].state = engine.step, engine.state()
            save()
        if failed.is_set():
            raise Interrupted("another run has stopped")

    def told(steps: int) -> None:
        with lock:
            moved(steps)

    with ThreadPoolExecutor(len(engines)) as pool:
        futures = [pool.submit(work, engine) for engine in engines]
        try:
            wait(futures)
        except BaseException:
            failed.set()
            raise
    errors = [error for future in futures if (error := future.exception()) is not None]
    if errors:
        raise next((error for error in errors if not isinstance(error, Interrupted)), errors[0])


def _advance(
    start: Configuration,
    times: np.ndarray,
    engine: Engine,
    progress: Progress,
    index: int,
    seed: int,
    sample: int,
    mark: Callable[[int, Engine], None],
    told: Callable[[int], None],
) -> None:
    """Bring one batch from its last restart point, or from its start, to the last time."""
    batch, images, n = progress.batches[index], progress.targets.shape[2], len(start.types)
    temperature = engine.dynamics.temperature
    streams = [seeds.generator(seed, STAGE, temperature, sample, index * images + image) for image in range(images)]
    baths = [seeds.integer(stream) for stream in streams]
    whole = supercell(start, round(images ** (1 / 3))).positions if images > 1 else start.positions
    if batch.state:
        engine.resume(whole, baths[0], batch.state, batch.step)
    else:
        velocities = [dynamics.maxwell_boltzmann(n, temperature, stream) for stream in streams]
        engine.start(whole, np.concatenate(velocities), baths[0])
    steps, rests = time_grid(times, engine.dynamics.time_step)
    for moment in range(batch.recorded, len(times)):
        engine.advance(int(steps[moment]), at_restart_point=lambda: mark(index, engine), moved=told)
        displacement = engine.positions(ahead=float(rests[moment])) - whole
        if engine.dynamics.integrator == "langevin":
            displacement -= displacement.mean(axis=0)
        progress.targets[index, moment] = start.positions + displacement.reshape(images, n, 3)
        batch.recorded = moment + 1
    batch.state = b""


def throughput(engines: list[Engine], start: Configuration, seconds: float) -> float:
    """Return the steps per second that engines make together, in a short trial from `start`."""
    velocities = dynamics.maxwell_boltzmann(
        len(start.types), engines[0].dynamics.temperature, seeds.generator(0, "trial")
    )
    for engine in engines:
        engine.start(start.positions, velocities, 1)
        engine.advance(20)
    until = clock.perf_counter() + seconds

    def work(engine: Engine) -> int:
        before = engine.step
        while clock.perf_counter() < until:
            engine.advance(engine.step + 50)
            # A device runs behind: wait for it.
            engine.energies()
        return engine.step - before

    began = clock.perf_counter()
    with ThreadPoolExecutor(len(engines)) as pool:
        steps = sum(pool.map(work, engines))
    return steps / (clock.perf_counter() - began)


def engines_by_trial(
    make: Callable[[], Engine], start: Configuration, most: int, steps: float = np.inf, seconds: float = 3.0
) -> list[Engine]:
    """Return as many engines as give the most steps per second together: doubled while that gains a tenth.

    Each count is tried for `seconds`, or for a hundredth of what a single engine would take for all `steps`.
    """
    engines, best = [make()], 0.0
    seconds = min(seconds, 0.01 * steps / throughput(engines, start, 0.1))
    while True:
        rate = throughput(engines, start, seconds)
        if rate < 1.1 * best:
            return engines[: max(1, len(engines) // 2)]
        best = rate
        if 2 * len(engines) > most:
            return engines
        engines += [make() for _ in engines]
