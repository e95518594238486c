"""Many small graphs joined into one, its particles in the order in which they reach the marked ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from learn.data.inputs import Inputs, side_by_side

if TYPE_CHECKING:
    from learn.models.model import Piece


@dataclass
class Union:
    """Disjoint pieces as one graph, nodes sorted by hop, then piece: marked particles come first.

    within[k]: how many nodes lie within k edges of a marked one.
    """

    inputs: Inputs
    within: list[int]

    @classmethod
    def of(cls, pieces: Sequence["Piece"], reach: int) -> "Union":
        """Return the union of pieces, `within` up to `reach` edges."""
        whole, hop = side_by_side([piece.inputs for piece in pieces]), np.concatenate([piece.hop for piece in pieces])
        nodes = np.argsort(hop, kind="stable")
        place = np.empty_like(nodes)
        place[nodes] = np.arange(len(nodes))
        moved = torch.from_numpy(place)
        receivers = moved[whole.receivers]
        edges = torch.argsort(receivers, stable=True)
        inputs = replace(
            whole,
            types=whole.types[nodes],
            nodes=whole.nodes[nodes],
            vectors=whole.vectors[:, edges],
            senders=moved[whole.senders[edges]],
            receivers=receivers[edges],
        )
        return cls(inputs, np.searchsorted(hop[nodes], np.arange(reach), side="right").tolist())
