"""The models there are, one entry each. Nothing here imports torch: the schema, the plan and the rules read it.

To add one, write a file with a class of `learn.models.model.Model` and give it an entry (docs/add-a-model.md).
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from simulate.stage.command import InputError

if TYPE_CHECKING:
    from learn.models.model import Model

# What a model is given of a configuration: every rung has what those before it have.
GIVEN = {1: "positions", 2: "+ minimisation", 3: "+ trajectory from rest", 4: "+ thermal runs"}


@dataclass(frozen=True)
class Entry:
    """What is known of a model before it is loaded.

    place: module and class, "learn.models.NAME:CLASS"; given: its rung of GIVEN, unless a trained model's settings say
    otherwise; shells: whether it reads a graph whose vectors it can be differentiated by, so that shells examine it;
    least: training configurations it takes; describe, step: what it costs per particle to describe a configuration
    once, and to take a training step (of one member of an ensemble), in training steps of bapst2020; kept: megabytes
    per particle of every training configuration that it keeps in memory.
    """

    place: str
    given: int
    shells: bool = True
    least: int = 1
    describe: float = 0.0
    step: float = 1.0
    kept: float = 0.0


MODELS = {
    "bapst2020": Entry("learn.models.bapst2020.model:Bapst2020", given=1),
    "pairs": Entry("learn.models.pairs.model:Pairs", given=3, least=2, describe=12.0, step=0.12, kept=3e-3),
    "linear": Entry("learn.models.linear.model:Linear", given=3, shells=False, least=2, describe=10.0, step=0.0),
}
# What models were called in files of earlier versions.
FORMERLY = {"inherent": "linear"}


def find(name: str) -> "type[Model]":
    """Return the class of a model. Raises InputError where there is none of that name."""
    name = FORMERLY.get(name, name)
    if name not in MODELS:
        raise InputError(f"model {name!r}: unknown; models are {', '.join(MODELS)}")
    module, _, of = MODELS[name].place.partition(":")
    found: type[Model] = getattr(import_module(module), of)
    return found
