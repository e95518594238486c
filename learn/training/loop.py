"""The training loop: one configuration per step, validation after every epoch, a state file to resume from.

Every random number follows from the seed and the step, so a run that was killed resumes to exactly the result it would
have had. The loop waits for its losses once an epoch, so that a GPU is not kept waiting.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from learn.data import torch_file
from learn.training.batch import Batch
from simulate.liquid.statistics import correlation
from simulate.stage import command, seeds
from simulate.stage.command import InputError, Interrupted

# Seconds of training that a killed run may lose.
STATE_INTERVAL = 60
LARGEST_GRADIENT = 1.0


def same(batch: Batch, random: np.random.Generator) -> Batch:
    """Return the batch as it is."""
    return batch


@dataclass
class Plan:
    """How a network is trained.

    loss: of a batch, the one to show and the one to descend; rate: learning rate of a step, given the number of all;
    vary: a batch as one step sees it (augmentation); recorded: what makes of the function batch -> loss, which leaves
    gradients, a quicker one.
    """

    epochs: int
    seed: int
    optimiser: torch.optim.Optimizer
    loss: Callable[[Batch], tuple[torch.Tensor, torch.Tensor]]
    rate: Callable[[int, int], float]
    vary: Callable[[Batch, np.random.Generator], Batch] = same
    recorded: Callable[[Callable], Callable] = lambda backward: backward


def correlations(network: torch.nn.Module, batches: Iterable[Batch]) -> np.ndarray:
    """Return Pearson's correlation over the chosen particles at each time, (M,), averaged over samples.

    Outputs behind the first M are of the displacements.
    """
    each = []
    with torch.no_grad():
        for batch in batches:
            output, target = network(batch.inputs)[batch.chosen].cpu().numpy(), batch.target[batch.chosen].cpu().numpy()
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
                step = self.epoch * per_epoch + place + 1
                raise InputError(f"training diverged at step {step}: loss {loss:.3g}; lower --learning-rate")
            self.losses[place] = loss

    def end_epoch(self, network: torch.nn.Module, row: dict) -> None:
        """Add a row to the history; keep the weights where they are the best so far on validation."""
        lowest = min((earlier["loss"] for earlier in self.history), default=row["loss"])
        if row["loss"] > 1000 * lowest:
            raise InputError(
                f"training diverged: loss {row['loss']:.3g} in epoch {row['epoch']}, {lowest:.3g} before; "
                "lower --learning-rate"
            )
        self.history.append(row)
        if row["validation_r"] > self.best_r or not self.best:
            self.best_r = row["validation_r"]
            self.best = {name: value.clone() for name, value in network.state_dict().items()}
        self.epoch, self.losses = row["epoch"], []


def fit(
    network: torch.nn.Module,
    batch_of: Callable[[str], Batch],
    names: Mapping[str, Sequence[str]],
    plan: Plan,
    *,
    begin: Callable[[], None] = lambda: None,
    about: object = None,
    state: Path | None = None,
) -> list[dict]:
    """Train in place; return one row of history per epoch. The network ends as it was best on validation.

    names: the training and validation samples. begin: gives the network its first weights, where there is no state to
    resume from. about: what else tells this run from others. With `state`, the run is written there after every epoch
    and every minute. Raises InputError where training diverges, Interrupted where SIGTERM asks for the end.
    """
    train, validation = names["train"], names["validation"]
    # The first batch stands for times, normalisation, measurements and graphs: a state of other ones is not taken up.
    run = repr((plan.epochs, plan.seed, dict(names), about, batch_of(train[0]).fingerprint()))
    now = _resumed(state, network, plan.optimiser, run)
    if now is None:
        now = Progress()
        begin()
    save = _saver(state, network, plan.optimiser, run, len(train))
    backward = plan.recorded(lambda batch: _backward(network, plan, batch))
    steps = plan.epochs * len(train)
    with command.progress(steps, "train") as bar:
        bar.update(now.epoch * len(train) + len(now.losses))
        for epoch in range(now.epoch, plan.epochs):
            order = seeds.generator(plan.seed, "order", run=epoch).permutation(len(train))
            for position in range(len(now.losses), len(train)):
                step = epoch * len(train) + position
                batch = plan.vary(batch_of(train[order[position]]), seeds.generator(plan.seed, "orientation", run=step))
                now.losses.append(_step(plan, backward, batch, step, steps))
                bar.update()
                save(now, at_once=command.stop_requested())
                if command.stop_requested():
                    raise Interrupted(f"stopped after step {step + 1} of {steps}; the same command resumes from there")
            now.settle(len(train))
            taken = (epoch + 1) * len(train)
            row = {"epoch": epoch + 1, "step": taken, "learning_rate": plan.rate(taken - 1, steps)}
            r = correlations(network, (batch_of(name) for name in validation))
            row |= {"loss": float(np.mean(now.losses)), "validation_r": float(r.mean())}
            row |= {f"validation_r_{index}": float(value) for index, value in enumerate(r)}
            now.end_epoch(network, row)
            bar.set_postfix_str(f"epoch {now.epoch}, loss {row['loss']:.4g}, validation r {row['validation_r']:.3f}")
            save(now, at_once=True)
    network.load_state_dict(now.best)
    return now.history


def _step(plan: Plan, backward: Callable, batch: Batch, step: int, steps: int) -> torch.Tensor:
    """Take one step; return the loss to show, which is not waited for."""
    for group in plan.optimiser.param_groups:
        group["lr"] = plan.rate(step, steps)
    loss: torch.Tensor = backward(batch)
    plan.optimiser.step()
    return loss


def _backward(network: torch.nn.Module, plan: Plan, batch: Batch) -> torch.Tensor:
    """Leave the gradients, clipped; return the loss to show, not finite where their norm is not."""
    network.zero_grad(set_to_none=True)
    loss, total = plan.loss(batch)
    total.backward()
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
    return loss.detach() + 0 * norm


def _saver(
    state: Path | None, network: torch.nn.Module, optimiser: torch.optim.Optimizer, run: str, per_epoch: int
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
        torch_file.write(state, _on_cpu(content | {"network": network.state_dict()}))

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


def _resumed(
    state: Path | None, network: torch.nn.Module, optimiser: torch.optim.Optimizer, run: str
) -> Progress | None:
    """Set network and optimiser as the state file has them; return where the run stands.

    None where there is no state of this very run.
    """
    if state is None or not state.exists():
        return None
    try:
        content = torch_file.read(state)
    except InputError:
        content = {}
    if content.get("run") != run:
        print(f"{state}: of another run, or damaged; starting again", flush=True)
        return None
    now = Progress(**content["progress"])
    network.load_state_dict(content["network"])
    optimiser.load_state_dict(content["optimiser"])
    print(f"resuming in epoch {now.epoch + 1}, after {len(now.losses)} of its steps", flush=True)
    return now
