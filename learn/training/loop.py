"""The training loop: one graph per step, validation after every epoch, a state file to go on from.

Every random number follows from the seed and the step, so a run that was killed goes on to exactly the result it would
have had. On a GPU a step is one launch where it can be (`fast.capture`), and the loop waits for its losses once an
epoch.
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from learn.evaluate import correlation
from learn.models import checkpoint
from learn.models.bapst2020.fast import capture, optimisers
from learn.models.bapst2020.fast.incidence import Incidence
from learn.models.bapst2020.model import Bapst2020
from learn.models.bapst2020.recipe import Recipe, learning_rate, orientation
from simulate.files import restart
from simulate.stage import command, seeds
from simulate.stage.command import InputError, Interrupted

# Seconds of training that a killed run may lose.
STATE_INTERVAL = 60


@dataclass
class Batch:
    """A sample as the training loop takes it.

    types (N,), vectors (E, 3), target (N, M) standardised, chosen (N,): the A particles; displacements (N, K, 3), each
    of the K of mean square 1: what is learned beside the target.
    """

    types: torch.Tensor
    vectors: torch.Tensor
    incidence: Incidence
    target: torch.Tensor
    chosen: torch.Tensor
    displacements: torch.Tensor

    def turned(self, turn: torch.Tensor) -> "Batch":
        """Return the batch with all vectors multiplied by an orthogonal matrix (3, 3)."""
        return replace(self, vectors=self.vectors @ turn, displacements=self.displacements @ turn)

    def fingerprint(self) -> str:
        """Return what two batches that differ do not share."""
        arrays = (self.types, self.vectors, self.target, self.displacements)
        return restart.fingerprint(*(array.cpu().numpy() for array in arrays))

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        return Batch(**{name: array.to(device) for name, array in vars(self).items()})

    def wanted(self) -> torch.Tensor:
        """Return target and displacements as the network puts them out, (N, M + 3 K)."""
        return torch.cat([self.target, self.displacements.flatten(1)], dim=1)


def correlations(network: Bapst2020, batches: Iterable[Batch]) -> np.ndarray:
    """Return Pearson's correlation over A particles at each time, (M,), averaged over samples.

    Outputs behind the first M are of the displacements.
    """
    each = []
    with torch.no_grad():
        for batch in batches:
            output = network.propagate(batch.types, batch.vectors, batch.incidence)[batch.chosen].cpu().numpy()
            target = batch.target[batch.chosen].cpu().numpy()
            each.append([correlation(x, y) for x, y in zip(output.T, target.T, strict=False)])
    return np.nan_to_num(np.mean(each, axis=0))


@dataclass
class Progress:
    """Where a run stands: everything its continuation depends on.

    losses: of the epoch under way, one per step; tensors until they are wanted (`settle`).
    """

    epoch: int = 0
    losses: list[Any] = field(default_factory=list)
    history: list[dict] = field(default_factory=list)
    best: dict = field(default_factory=dict)
    best_r: float = -math.inf

    def settle(self, per_epoch: int) -> None:
        """Make the losses numbers, waiting for the device. Raises InputError where one is not finite."""
        waiting = [place for place, loss in enumerate(self.losses) if isinstance(loss, torch.Tensor)]
        found = torch.stack([self.losses[place] for place in waiting]).tolist() if waiting else []
        for place, loss in zip(waiting, found, strict=True):
            if not math.isfinite(loss):
                raise _diverged(self.epoch * per_epoch + place, loss)
            self.losses[place] = loss


def fit(
    network: Bapst2020,
    batch_of: Callable[[str], Batch],
    names: dict[str, list[str]],
    recipe: Recipe,
    epochs: int,
    seed: int,
    *,
    begin: Callable[[], None] = lambda: None,
    about: object = None,
    state: Path | None = None,
    report: Callable[[dict], None] = lambda row: None,
) -> list[dict]:
    """Train in place; return one row of history per epoch. The network ends as it was best on validation.

    names: the training and validation samples. begin: gives the network its first weights, where there is no state to
    go on from. about: what else tells this run from others. With `state`, the run is written there after every epoch
    and every minute. Raises InputError where training diverges, Interrupted where SIGTERM asks for the end.
    """
    # The first batch stands for times, normalisation, measurements and graphs: a state of other ones is not taken up.
    run = repr((asdict(recipe), epochs, seed, names, about, batch_of(names["train"][0]).fingerprint()))
    resumed = _resumed(state, network, run)
    optimiser = optimisers.make(network, recipe)
    if resumed is None:
        now = Progress()
        begin()
    else:
        now, moments = resumed
        optimisers.take_up(optimiser, moments)
    steps = epochs * len(names["train"])
    save = _saver(state, network, optimiser, run, len(names["train"]))
    on_gpu = None
    if network.edge_centre.is_cuda:
        on_gpu = capture.Steps(optimiser, lambda batch: _backward(network, batch, recipe))
    with command.progress(steps, "train") as bar:
        bar.update(now.epoch * len(names["train"]) + len(now.losses))
        for epoch in range(now.epoch, epochs):
            order = seeds.generator(seed, "order", run=epoch).permutation(len(names["train"]))
            for position in range(len(now.losses), len(order)):
                step = epoch * len(order) + position
                rate = learning_rate(recipe, step, steps)
                batch = batch_of(names["train"][order[position]])
                if on_gpu is None:
                    now.losses.append(_step(network, optimiser, batch, recipe, rate, seed, step))
                else:
                    now.losses.append(on_gpu(batch, _turn(recipe, seed, step), rate))
                bar.update()
                save(now, at_once=command.stop_requested())
                if command.stop_requested():
                    raise Interrupted(f"stopped after step {step + 1} of {steps}; the same command goes on from there")
            now.settle(len(order))
            taken = (epoch + 1) * len(order)
            row = {"epoch": epoch + 1, "step": taken, "learning_rate": learning_rate(recipe, taken - 1, steps)}
            _validate(network, (batch_of(name) for name in names["validation"]), row, now)
            bar.set_postfix_str(f"epoch {now.epoch}, loss {row['loss']:.4g}, validation r {row['validation_r']:.3f}")
            report(row)
            save(now, at_once=True)
    network.load_state_dict(now.best)
    return now.history


def _validate(network: Bapst2020, batches: Iterable[Batch], row: dict, now: Progress) -> None:
    """End an epoch: complete its row of history, keep the weights where they are the best so far."""
    r = correlations(network, batches)
    row |= {"loss": float(np.mean(now.losses)), "validation_r": float(r.mean())}
    row |= {f"validation_r_{index}": float(value) for index, value in enumerate(r)}
    _check(row, now.history)
    now.history.append(row)
    if row["validation_r"] > now.best_r or not now.best:
        now.best_r = row["validation_r"]
        now.best = {name: value.clone() for name, value in network.state_dict().items()}
    now.epoch, now.losses = row["epoch"], []


def _turn(recipe: Recipe, seed: int, step: int) -> torch.Tensor:
    """Return the orientation of a step."""
    return orientation(seeds.generator(seed, "orientation", run=step), recipe.augmentation)


def _losses(network: Bapst2020, batch: Batch, recipe: Recipe) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss of the propensity, and that with what is learned beside it."""
    output = network.propagate(batch.types, batch.vectors, batch.incidence)
    propensity, released = output.split([batch.target.shape[1], output.shape[1] - batch.target.shape[1]], dim=1)
    error = propensity - batch.target
    if error.is_cuda:
        # Without asking the device how many are chosen.
        loss = (error**2).mean(dim=1) @ (batch.chosen / batch.chosen.sum())
    else:
        loss = (error[batch.chosen] ** 2).mean()
    if not recipe.release:
        return loss, loss
    # The mean over components, the sum over times.
    beside = (released.unflatten(1, (-1, 3)) - batch.displacements) ** 2
    return loss, loss + recipe.release * beside.mean(dim=(0, 2)).sum()


def _step(
    network: Bapst2020,
    optimiser: torch.optim.Optimizer,
    batch: Batch,
    recipe: Recipe,
    rate: float,
    seed: int,
    step: int,
) -> float:
    """Take one step; return the loss of the propensity."""
    for group in optimiser.param_groups:
        group["lr"] = rate
    loss = _backward(network, batch.turned(_turn(recipe, seed, step)), recipe)
    if not torch.isfinite(loss):
        raise _diverged(step, loss.item())
    optimiser.step()
    return loss.item()


def _backward(network: Bapst2020, batch: Batch, recipe: Recipe) -> torch.Tensor:
    """Leave the gradients, clipped; return the loss of the propensity, not finite where their norm is not."""
    network.zero_grad(set_to_none=True)
    loss, total = _losses(network, batch, recipe)
    total.backward()
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    return loss.detach() + 0 * norm


def _diverged(step: int, loss: float) -> InputError:
    return InputError(f"training diverged at step {step + 1}: loss {loss:.3g}; lower --learning-rate")


def _check(row: dict, history: list[dict]) -> None:
    lowest = min((earlier["loss"] for earlier in history), default=row["loss"])
    if row["loss"] > 1000 * lowest:
        raise InputError(
            f"training diverged: loss {row['loss']:.3g} in epoch {row['epoch']}, {lowest:.3g} before; "
            "lower --learning-rate"
        )


def _saver(
    state: Path | None, network: Bapst2020, optimiser: torch.optim.Optimizer, run: str, per_epoch: int
) -> Callable:
    """Return a function that writes the state file: at once, or where the last time is long ago."""
    last = time.monotonic()

    def save(now: Progress, at_once: bool) -> None:
        nonlocal last
        if state is None or not (at_once or time.monotonic() - last > STATE_INTERVAL):
            return
        last = time.monotonic()
        now.settle(per_epoch)
        content: dict[str, Any] = {"run": run, "progress": dict(vars(now)), "optimiser": optimiser.state_dict()}
        content |= {"network": network.state_dict(), "edges": (network.edge_scale, network.edge_centre)}
        checkpoint.write(state, _on_cpu(content))

    return save


def _on_cpu(content: Any) -> Any:
    """Return tensors and containers of them with every tensor on the processor."""
    if isinstance(content, torch.Tensor):
        return content.cpu()
    if isinstance(content, dict):
        return {name: _on_cpu(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return type(content)(_on_cpu(value) for value in content)
    return content


def _resumed(state: Path | None, network: Bapst2020, run: str) -> tuple[Progress, dict] | None:
    """Set the network as the state file has it; return where the run stands, and its optimiser's state.

    None where there is no state of this very run.
    """
    if state is None or not state.exists():
        return None
    try:
        content = checkpoint.read(state)
    except InputError:
        content = {}
    if content.get("run") != run:
        print(f"{state}: of another run, or damaged; starting anew", flush=True)
        return None
    now = Progress(**content["progress"])
    network.load_state_dict(content["network"])
    network.edge_scale, centre = content["edges"]
    network.edge_centre = centre.to(network.edge_centre.device)
    print(f"going on in epoch {now.epoch + 1}, after {len(now.losses)} of its steps", flush=True)
    return now, content["optimiser"]
