"""What a training step computes on a GPU in one launch: recorded once as a CUDA graph, and replayed.

A step is hundreds of kernels of a few microseconds each, which Python cannot launch as quickly as they run. The
graph reads one batch, of fixed places and of room for somewhat more edges than the largest so far; each step's batch
is copied there. What a graph cannot hold, sums of torch that ask the device for sizes, is not recorded: without
`edges_device`, steps are launched kernel by kernel.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from learn.models.bapst2020.fast import edges_device
from learn.models.bapst2020.fast.incidence import Incidence, Tiles

# Whether steps are recorded at all; steps before that; room for edges and tiles beyond those of the largest batch.
RECORD, WARM_UP, ROOM = True, 2, 1.02
# How many of `_arrays` are as long for every batch.
SAME = 7


class Recorded:
    """The function batch -> loss that leaves the gradients, `backward` (`learn.training.batch.Batch`), recorded."""

    def __init__(self, backward: Callable[[Any], torch.Tensor]):
        self.backward = backward
        self.record = RECORD
        self.held: _Held | None = None

    def __call__(self, batch: Any) -> torch.Tensor:
        """Leave the gradients; return the loss, not waited for."""
        if not self.record or not edges_device.usable(batch.inputs.vectors[0], Incidence.of(batch.inputs)):
            return self.backward(batch)
        if self.held is None or not self.held.fits(batch):
            self.held = None
            self.held = _Held(batch)
        held = self.held
        held.take(batch)
        if held.graph is None and held.launched < WARM_UP:
            held.launched += 1
            return self.backward(held.batch)
        if held.graph is None:
            try:
                held.graph, held.loss = self._recorded(held)
            except RuntimeError as error:
                print(f"steps are launched one by one: {repr(error)[:300]}", file=sys.stderr, flush=True)
                self.record, self.held = False, None
                return self.backward(batch)
        held.graph.replay()
        return held.loss.clone()

    def _recorded(self, held: "_Held") -> tuple[torch.cuda.CUDAGraph, torch.Tensor]:
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss = self.backward(held.batch)
        return graph, loss


class _Held:
    """A batch in fixed places, and the graph that reads it."""

    def __init__(self, like: Any):
        self.arrays = [self._place(index, array) for index, array in enumerate(_arrays(like))]
        types, target, chosen, displacements, start, out_start, size, vectors, senders, receivers, outgoing, table = (
            self.arrays
        )
        incidence = Incidence(senders, receivers, start, len(types))
        # In the places of what it would compute.
        incidence.outgoing, incidence.out_start, incidence.tiles = outgoing, out_start, Tiles(table, size)
        inputs = replace(
            like.inputs,
            types=types,
            vectors=vectors[None],
            senders=senders,
            receivers=receivers,
            memory={"incidence": incidence},
        )
        self.batch = replace(like, inputs=inputs, target=target, chosen=chosen, displacements=displacements)
        self.launched = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.loss = torch.zeros((), device=vectors.device)

    def _place(self, index: int, array: torch.Tensor) -> torch.Tensor:
        rows = len(array) if index < SAME else int(len(array) * ROOM) + 64
        return array.new_zeros(rows, *array.shape[1:])

    def fits(self, batch: Any) -> bool:
        """Return whether a batch has as many particles, and no more edges than there is room for."""
        pairs = list(zip(_arrays(batch), self.arrays, strict=True))
        same = all(array.shape == place.shape for array, place in pairs[:SAME])
        return same and all(len(array) <= len(place) for array, place in pairs[SAME:])

    def take(self, batch: Any) -> None:
        """Copy a batch to its place."""
        for array, place in zip(_arrays(batch), self.arrays, strict=True):
            place[: len(array)].copy_(array)


def _arrays(batch: Any) -> list[torch.Tensor]:
    """Return what of a batch a step reads: first what does not depend on the number of edges."""
    inside = Incidence.of(batch.inputs)
    assert inside.tiles is not None
    nodes = [batch.inputs.types, batch.target, batch.chosen, batch.displacements, inside.start, inside.out_start]
    along = [batch.inputs.vectors[0], inside.senders, inside.receivers, inside.outgoing, inside.tiles.table]
    return [*nodes, inside.tiles.size, *along]
