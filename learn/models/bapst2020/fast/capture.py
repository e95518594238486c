"""Training steps on a GPU, each one launch: the whole step is recorded once as a CUDA graph and replayed.

A step is hundreds of kernels of a few microseconds each, which Python cannot launch as quickly as they run. The
graph reads one batch, of fixed places and of room for somewhat more edges than the largest so far; each step's batch
is copied there. What a graph cannot hold, sums of torch that ask the device for sizes, is not recorded: without
`learn.models.bapst2020.fast.edges_device`, steps are launched kernel by kernel.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from learn.models.bapst2020.fast import edges_device
from learn.models.bapst2020.fast.incidence import Incidence, Tiles

if TYPE_CHECKING:
    from learn.training.loop import Batch

# Whether steps are recorded at all; steps before that; room for edges and tiles beyond those of the largest batch.
RECORD, WARM_UP, ROOM = True, 2, 1.02


class Steps:
    """Takes training steps on a GPU.

    backward: gives a turned batch's loss and leaves the gradients. The optimiser: torch's, capturable, or one whose
    step is `prepare`, `apply` and `refresh` (`learn.models.bapst2020.fast.soap`).
    """

    def __init__(self, optimiser: Any, backward: Callable[["Batch"], torch.Tensor]):
        self.optimiser, self.backward = optimiser, backward
        self.record = RECORD
        self.held: _Held | None = None

    def __call__(self, batch: "Batch", turn: torch.Tensor, rate: float) -> torch.Tensor:
        """Take one step with a batch turned by a matrix (3, 3), on any device; return its loss, not waited for."""
        turn = turn.to(batch.vectors.device, non_blocking=True)
        (group,) = self.optimiser.param_groups
        batched = hasattr(self.optimiser, "prepare")
        if batched:
            group["lr"] = rate
        else:
            group["lr"].fill_(rate)
        if batched and not self.optimiser.ready():
            loss = self.backward(batch.turned(turn))
            self.optimiser.step()
            return loss
        if batched:
            self.optimiser.prepare()
        loss = self._taken(batch, turn)
        if batched:
            self.optimiser.refresh()
        return loss

    def _taken(self, batch: "Batch", turn: torch.Tensor) -> torch.Tensor:
        if not self.record or not edges_device.usable(batch.vectors, batch.incidence):
            return self._launched(batch, turn)
        if self.held is None or not self.held.fits(batch):
            self.held = None
            self.held = _Held(batch)
        held = self.held
        held.take(batch, turn)
        if held.graph is None and held.launched < WARM_UP:
            held.launched += 1
            return self._launched(held.batch, held.turn)
        if held.graph is None:
            try:
                held.graph, held.loss = self._recorded(held)
            except RuntimeError as error:
                print(f"steps are launched one by one: {repr(error)[:300]}", file=sys.stderr, flush=True)
                self.record, self.held = False, None
                return self._launched(batch, turn)
        held.graph.replay()
        return held.loss.clone()

    def _launched(self, batch: "Batch", turn: torch.Tensor) -> torch.Tensor:
        loss = self.backward(batch.turned(turn))
        getattr(self.optimiser, "apply", self.optimiser.step)()
        return loss

    def _recorded(self, held: "_Held") -> tuple[torch.cuda.CUDAGraph, torch.Tensor]:
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss = self._launched(held.batch, held.turn)
        return graph, loss


class _Held:
    """A batch in fixed places, and the graph that reads it."""

    def __init__(self, like: "Batch"):
        self.arrays = [self._place(index, array) for index, array in enumerate(_arrays(like))]
        types, target, chosen, displacements, start, out_start, size, *along = self.arrays
        vectors, senders, receivers, outgoing, table = along
        incidence = Incidence(senders, receivers, start, outgoing, out_start, [])
        incidence.tiles = Tiles(table, size)
        self.batch = replace(
            like,
            types=types,
            vectors=vectors,
            incidence=incidence,
            target=target,
            chosen=chosen,
            displacements=displacements,
        )
        self.turn = torch.eye(3, device=vectors.device)
        self.launched = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.loss = torch.zeros((), device=vectors.device)

    def _place(self, index: int, array: torch.Tensor) -> torch.Tensor:
        rows = len(array) if index < SAME else int(len(array) * ROOM) + 64
        return array.new_zeros(rows, *array.shape[1:])

    def fits(self, batch: "Batch") -> bool:
        """Return whether a batch has as many particles, and no more edges than there is room for."""
        pairs = list(zip(_arrays(batch), self.arrays, strict=True))
        same = all(array.shape == place.shape for array, place in pairs[:SAME])
        return same and all(len(array) <= len(place) for array, place in pairs[SAME:])

    def take(self, batch: "Batch", turn: torch.Tensor) -> None:
        """Copy a batch and its turn to their places."""
        for array, place in zip(_arrays(batch), self.arrays, strict=True):
            place[: len(array)].copy_(array)
        self.turn.copy_(turn)


# How many of `_arrays` are as long for every batch.
SAME = 7


def _arrays(batch: "Batch") -> list[torch.Tensor]:
    """Return what of a batch a step reads: first what does not depend on the number of edges."""
    inside = batch.incidence
    assert inside.tiles is not None
    nodes = [batch.types, batch.target, batch.chosen, batch.displacements, inside.start, inside.out_start]
    along = [batch.vectors, inside.senders, inside.receivers, inside.outgoing, inside.tiles.table]
    return [*nodes, inside.tiles.size, *along]
