"""The published network, as the paper describes it. Both ways to compute it, `plain` and `fast` where it is there."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from learn.data.graph import build
from learn.data.inputs import Inputs
from learn.models.bapst2020.model import Bapst2020, fast


@pytest.fixture(params=["plain", "fast"])
def network(request):
    torch.manual_seed(1)
    network = Bapst2020(outputs=3)
    if request.param == "plain":
        network.forward = network.plain
    elif fast is None:
        pytest.skip("not there")
    return network


def test_the_published_number_of_parameters():
    """Bapst et al.: 70,721 in the checkpoint, 8,320 of them in a decoder of edges that nothing reads."""
    assert sum(parameter.numel() for parameter in Bapst2020().parameters()) == 70_721 - 8_320


def test_renumbering_particles_renumbers_predictions(network, structure):
    positions, types, box = structure(4)
    order = np.random.default_rng(0).permutation(len(types))
    output = network(Inputs.of(build(positions, types, box)))
    other = network(Inputs.of(build(positions[order], types[order], box)))
    torch.testing.assert_close(other, output[order], rtol=1e-5, atol=1e-6)


def test_translation_changes_nothing(network, structure):
    positions, types, box = structure(4)
    output = network(Inputs.of(build(positions, types, box)))
    other = network(Inputs.of(build(positions + np.array([0.3, -7.1, 2.2]), types, box)))
    torch.testing.assert_close(other, output, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("recurrences", [2, 7])
def test_a_particle_reaches_as_many_edges_as_there_are_recurrences_and_no_further(network, recurrences):
    """A chain 1.5 apart: the output of particle 0 knows particle 7, not particle 8."""
    network.recurrences = recurrences
    positions = np.zeros((20, 3))
    positions[:, 0] = 1.5 * np.arange(20)
    inputs = Inputs.of(build(positions, np.zeros(20), np.array([60.0, 10.0, 10.0])))
    inputs = replace(inputs, vectors=inputs.vectors.double().requires_grad_())
    network.double()(inputs)[0].sum().backward()
    felt = inputs.vectors.grad[0].abs().sum(dim=1) > 0
    assert max(*inputs.receivers[felt].tolist(), *inputs.senders[felt].tolist()) == recurrences


def test_its_own_cutoff_decides_who_sees_whom(structure):
    from simulate.liquid.configuration import Configuration

    configuration = Configuration(*structure(0))
    found = Bapst2020.build({"cutoff": 1.5, "recurrences": 3}, 2)
    assert (found.cutoff, found.recurrences) == (1.5, 3)
    np.testing.assert_array_equal(found.inputs(configuration).senders, build(*structure(0), 1.5).senders)
