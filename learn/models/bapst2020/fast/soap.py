"""SOAP for a GPU: the same optimiser as on the processor, with parameters of equal shape taken together.

The network's parameters are many and small, and of few shapes. One by one, as pytorch-optimizer takes them, each is
launches of its own, and its eigenbases decompositions of their own. In batches there are few, none waits for the
device, and a CUDA graph can hold them (`learn.models.bapst2020.fast.capture`).
"""

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import torch
from pytorch_optimizer import SOAP
from torch import nn


@dataclass
class Stack:
    """The state of B parameters of one shape (m, n): two moments (B, m, n); statistics and bases by side, or none."""

    parameters: list[nn.Parameter]
    mean: torch.Tensor
    square: torch.Tensor
    statistics: tuple[torch.Tensor, ...]
    bases: tuple[torch.Tensor, ...]


class BatchedSOAP(SOAP):
    """SOAP whose step is `prepare` (on the host), `apply` (on the device only) and, when due, `refresh` (the bases).

    The state of every parameter is that of SOAP, so that a run can go on with either; it is a view of a `Stack`.
    """

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self.stacks: list[Stack] = []
        self.step_size = torch.zeros((), device=self.param_groups[0]["params"][0].device)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step; the first only makes the bases."""
        if not self.ready():
            super().step()
            return
        self.prepare()
        self.apply()
        self.refresh()

    def ready(self) -> bool:
        """Return whether there are bases to take a step in."""
        return self.param_groups[0].get("step", 0) > 0

    def prepare(self) -> None:
        """Count the step and set its size."""
        if not self.stacks:
            self._stack()
        (group,) = self.param_groups
        group["step"] += 1
        step = group["step"] - 1
        first, second = group["betas"]
        self.step_size.fill_(group["lr"] * math.sqrt(self.debias(second, step)) / self.debias(first, step))

    @torch.no_grad()
    def apply(self) -> None:
        """Change the parameters by their gradients, and moments and statistics with them."""
        (group,) = self.param_groups
        first, second = group["betas"]
        memory = second if group["shampoo_beta"] is None else group["shampoo_beta"]
        for stack in self.stacks:
            grad = torch.stack([parameter.grad for parameter in stack.parameters if parameter.grad is not None])
            stack.mean.lerp_(grad, 1 - first)
            stack.square.lerp_(_project(grad, stack.bases).square(), 1 - second)
            update = _project(stack.mean, stack.bases) / stack.square.sqrt().add_(group["eps"])
            update = _project(update, [basis.mT for basis in stack.bases]) * self.step_size
            torch._foreach_sub_(stack.parameters, update.unbind())  # type: ignore[arg-type]
            for statistic, product in zip(stack.statistics, (grad @ grad.mT, grad.mT @ grad), strict=False):
                statistic.lerp_(product, 1 - memory)

    @torch.no_grad()
    def refresh(self) -> None:
        """Where it is due, turn the bases by one power iteration, all of one size at once."""
        (group,) = self.param_groups
        if (group["step"] - 1) % group["precondition_frequency"]:
            return
        sizes = defaultdict(list)
        for stack in self.stacks:
            for side, basis in enumerate(stack.bases):
                sizes[basis.shape[-1]].append((stack, side))
        for members in sizes.values():
            bases = torch.cat([stack.bases[side] for stack, side in members])
            product = torch.cat([stack.statistics[side] for stack, side in members]) @ bases
            order = (bases * product).sum(dim=1).argsort(dim=1, descending=True)
            turned = torch.linalg.qr(product.gather(2, order[:, None].expand_as(product))).Q
            counts = [len(stack.parameters) for stack, _ in members]
            for (stack, side), basis, places in zip(members, turned.split(counts), order.split(counts), strict=True):
                stack.bases[side].copy_(basis)
                places = places[:, :, None] if side == 0 else places[:, None]
                stack.square.copy_(stack.square.gather(side + 1, places.expand_as(stack.square)))

    def load_state_dict(self, state_dict: dict) -> None:
        """Take up a state, of this optimiser or of SOAP."""
        super().load_state_dict(state_dict)
        self.stacks = []

    def _stack(self) -> None:
        """Put the states of parameters of one shape into one array each, of which they become views."""
        shapes: defaultdict[torch.Size, list[nn.Parameter]] = defaultdict(list)
        for parameter in self.param_groups[0]["params"]:
            shapes[parameter.shape].append(parameter)
        for shape, members in shapes.items():
            states = [self.state[parameter] for parameter in members]
            mean, square = (torch.stack([state[name] for state in states]) for name in ("exp_avg", "exp_avg_sq"))
            sides = range(len(shape) if len(shape) == 2 else 0)
            statistics, bases = (
                tuple(torch.stack([state[name][side] for state in states]).contiguous() for side in sides)
                for name in ("GG", "Q")
            )
            self.stacks.append(Stack(members, mean, square, statistics, bases))
            for index, state in enumerate(states):
                state |= {"exp_avg": mean[index], "exp_avg_sq": square[index]}
                if sides:
                    state |= {"GG": [each[index] for each in statistics], "Q": [each[index] for each in bases]}


def _project(values: torch.Tensor, bases: Any) -> torch.Tensor:
    """Return left^T values right, (B, m, n); values as they are where there are no bases."""
    if not len(bases):
        return values
    left, right = bases
    return left.mT @ values @ right
