"""The optimiser of a recipe, as the device computes it best."""

import torch

from learn.models.bapst2020.model import Bapst2020
from learn.models.bapst2020.recipe import Recipe

# Steps between two updates of the eigenbases of SOAP, and on a GPU, where they take longer than steps.
PRECONDITION_EVERY, PRECONDITION_EVERY_ON_GPU = 5, 10
# Of an optimiser's settings, those that say how it computes.
HOW = ("lr", "capturable", "fused", "foreach", "precondition_frequency")


def make(network: Bapst2020, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimiser of a network's weights, on the network's device."""
    weights, rate, on_gpu = network.parameters(), recipe.learning_rate, network.edge_centre.is_cuda
    if recipe.optimiser == "adam":
        if on_gpu:
            return torch.optim.Adam(weights, lr=network.edge_centre.new_tensor(rate), capturable=True, fused=True)
        return torch.optim.Adam(weights, lr=rate)
    # Takes seconds to import.
    if on_gpu:
        from learn.models.bapst2020.fast.soap import BatchedSOAP

        every = PRECONDITION_EVERY_ON_GPU
        return BatchedSOAP(weights, lr=rate, weight_decay=0.0, precondition_frequency=every)
    from pytorch_optimizer import SOAP

    return SOAP(weights, lr=rate, weight_decay=0.0, precondition_frequency=PRECONDITION_EVERY)


def take_up(optimiser: torch.optim.Optimizer, moments: dict) -> None:
    """Give the optimiser a state, whichever device that was made on: how to compute is the optimiser's own."""
    for saved, own in zip(moments["param_groups"], optimiser.param_groups, strict=True):
        saved |= {name: own[name] for name in HOW if name in own}
    optimiser.load_state_dict(moments)
