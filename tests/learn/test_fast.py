"""What is written for speed against `plain`: outputs and gradients."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from learn.data import dataset
from learn.data.graph import build
from learn.data.inputs import Inputs
from learn.models.bapst2020.fast import capture, edges, edges_device
from learn.models.bapst2020.fast.incidence import TILE_EDGES, TILE_NODES, Incidence
from learn.models.bapst2020.model import Bapst2020
from learn.models.model import Piece, Task


@pytest.fixture(scope="module")
def inputs(structure):
    return Inputs.of(build(*structure(3)))


@pytest.fixture
def network():
    torch.manual_seed(1)
    return Bapst2020(outputs=3)


def gradients(network, function, inputs):
    network.zero_grad()
    vectors = inputs.vectors.clone().requires_grad_()
    output = function(replace(inputs, vectors=vectors))
    (output**2).sum().backward()
    return output.detach(), [vectors.grad, *(parameter.grad.clone() for parameter in network.parameters())]


def largest_difference(found, expected):
    return max(float((x - y).abs().max() / y.abs().max()) for x, y in zip(found, expected, strict=True))


def test_as_the_paper_writes_it(network, inputs):
    """Outputs and every gradient of the factorised network against plain concatenation and autograd.

    In double precision, where rounding (1e-16, some 40 terms, 7 recurrences) cannot hide an error.
    """
    network, inputs = network.double(), replace(inputs, vectors=inputs.vectors.double())
    expected, expected_gradients = gradients(network, network.plain, inputs)
    found, found_gradients = gradients(network, network, inputs)
    assert float((found - expected).abs().max()) < 1e-12 * float(expected.abs().max())
    assert largest_difference(found_gradients, expected_gradients) < 1e-10


def test_marked_particles_computed_no_further_than_needed(network, inputs):
    """Two pieces of one edge and the whole graph: outputs and gradients by vectors, as those of `plain`."""
    network, inputs = network.double(), replace(inputs, vectors=inputs.vectors.double())
    network.recurrences = 3
    everything = np.ones(len(inputs.types), dtype=bool)
    pieces = []
    for particle, hops in ((5, 1), (17, 99)):
        hop = np.full(len(everything), 99)
        hop[particle], now = 0, 0
        while now < hops and (hop == 99).any():
            now += 1
            hop[np.setdiff1d(inputs.senders[hop[inputs.receivers] == now - 1], np.flatnonzero(hop < now))] = now
        order = np.argsort(hop, kind="stable")[: (hop < 99).sum()]
        edges_left = np.flatnonzero((hop[inputs.senders] < 99) & (hop[inputs.receivers] < 99))
        pieces.append(Piece(inputs.part(order, edges_left), hop[order]))
    found, expected = network.marked(pieces), torch.stack([network.plain(piece.inputs)[0] for piece in pieces])
    assert float((found - expected).abs().max()) < 1e-12 * float(expected.abs().max())
    each = [replace(piece.inputs, vectors=piece.inputs.vectors.clone().requires_grad_()) for piece in pieces]
    network.marked([Piece(one, piece.hop) for one, piece in zip(each, pieces, strict=True)]).sum().backward()
    for one, piece in zip(each, pieces, strict=True):
        plain = replace(piece.inputs, vectors=piece.inputs.vectors.clone().requires_grad_())
        network.plain(plain)[0].sum().backward()
        assert largest_difference([one.vectors.grad], [plain.vectors.grad]) < 1e-10


def test_mixed_precision_is_the_same_network(network, inputs):
    """Rounding to bfloat16 is up to 2^-9 at a time; some twenty such steps in a row leave a per cent or two.

    With sums over edges in bfloat16, too, or vectors, it is several times that.
    """
    expected, (_, *expected_gradients) = gradients(network, network.plain, inputs)
    network.precision = torch.bfloat16
    found, (_, *found_gradients) = gradients(network, network, inputs)
    assert found.dtype == torch.float32
    assert float(((found - expected).std(dim=0) / expected.std(dim=0)).max()) < 0.05
    for here, there in zip(found_gradients, expected_gradients, strict=True):
        assert here.dtype == torch.float32
        assert float((here - there).norm() / there.norm()) < 0.03


def test_many_pieces_are_as_good_as_one(network, inputs, monkeypatch):
    one = gradients(network, network, inputs)
    monkeypatch.setattr("learn.models.bapst2020.fast.incidence.PIECE", 100)
    # A piece grows with the threads.
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    inputs = replace(inputs, memory={})
    assert len(Incidence.of(inputs).pieces) > 20
    many = gradients(network, network, inputs)
    torch.testing.assert_close(many[0], one[0], rtol=1e-5, atol=1e-6)
    assert largest_difference(many[1], one[1]) < 1e-4


def test_sums_over_nodes_with_and_without_edges():
    values = torch.arange(10.0).reshape(5, 2)
    expected = torch.tensor([[2.0, 4.0], [0.0, 0.0], [18.0, 21.0]])
    torch.testing.assert_close(edges.segment_sum(values, torch.tensor([0, 2, 2, 5])), expected)
    order = torch.tensor([4, 3, 2, 1, 0])
    expected = torch.tensor([[14.0, 16.0], [0.0, 0.0], [6.0, 9.0]])
    torch.testing.assert_close(edges.segment_sum(values, torch.tensor([0, 2, 2, 5]), order), expected)


on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


@on_cuda
@pytest.mark.parametrize("kernels", [True, False])
def test_on_cuda_as_the_paper_writes_it(network, inputs, monkeypatch, kernels):
    """Outputs and every gradient, in the kernels and in torch's operations, against double precision.

    Products of the kernels are good to 2^-16 (three of bfloat16), those of torch to 2^-24; seven recurrences and sums
    of 40 terms lie between.
    """
    if kernels:
        pytest.importorskip("triton")
    else:
        monkeypatch.setattr(edges_device, "kernels", None)
    network = network.cuda()
    inputs = inputs.to(torch.device("cuda"))
    found = gradients(network, network, inputs)
    assert edges_device.usable(inputs.vectors[0], Incidence.of(inputs)) == kernels
    expected = gradients(network.double(), network.plain, replace(inputs, vectors=inputs.vectors.double()))
    for here, there in zip([found[0], *found[1]], [expected[0], *expected[1]], strict=True):
        assert float((here.double() - there).norm() / there.norm()) < 1e-4


@on_cuda
@pytest.mark.parametrize("kernels", [True, False])
def test_mixed_precision_on_cuda_is_the_same_network(network, inputs, monkeypatch, kernels):
    if kernels:
        pytest.importorskip("triton")
    else:
        monkeypatch.setattr(edges_device, "kernels", None)
    network, inputs = network.cuda(), inputs.to(torch.device("cuda"))
    expected, (_, *expected_gradients) = gradients(network, network.plain, inputs)
    network.precision = torch.bfloat16
    found, (_, *found_gradients) = gradients(network, network, inputs)
    assert float(((found - expected).std(dim=0) / expected.std(dim=0)).max()) < 0.05
    for here, there in zip(found_gradients, expected_gradients, strict=True):
        assert float((here - there).norm() / there.norm()) < 0.03


@on_cuda
def test_on_cuda_the_same_bits_each_time(network, inputs):
    network, inputs = network.cuda(), inputs.to(torch.device("cuda"))
    first, second = gradients(network, network, inputs), gradients(network, network, inputs)
    assert torch.equal(first[0], second[0])
    assert all(torch.equal(a, b) for a, b in zip(first[1], second[1], strict=True))


@on_cuda
@pytest.mark.parametrize("optimiser", ["adam", "soap"])
def test_a_step_recorded_on_cuda_is_the_step_launched(graphs, monkeypatch, capsys, optimiser):
    options = {"pair_steps": 0, "learning_rate": 1e-3, "optimiser": optimiser, "epochs": 4}
    task = Task([graphs], dataset.times(graphs), 7, device=torch.device("cuda"), options=options)
    recorded, rows = Bapst2020.trained(task)
    assert "one by one" not in capsys.readouterr().err
    monkeypatch.setattr(capture, "RECORD", False)
    launched, other = Bapst2020.trained(task)
    assert [row["loss"] for row in rows] == pytest.approx([row["loss"] for row in other], rel=1e-4)
    for name, weight in launched.network.state_dict().items():
        torch.testing.assert_close(recorded.network.state_dict()[name], weight, rtol=1e-3, atol=1e-4, msg=name)


def test_tiles_hold_whole_nodes(inputs, monkeypatch):
    incidence = Incidence.of(inputs)
    table = incidence.tiles.table.tolist()
    assert incidence.tiles.size.tolist() == [len(table), len(inputs.senders)]
    assert (table[0][0], table[-1][1]) == (0, len(inputs.types))
    for (_, last, _, end), (first, _, begin, _) in itertools.pairwise(table):
        assert (last, end) == (first, begin)
    for first, last, begin, end in table:
        assert (begin, end) == (incidence.start[first], incidence.start[last])
        assert end - begin <= TILE_EDGES
        assert last - first <= TILE_NODES
    monkeypatch.setattr("learn.models.bapst2020.fast.incidence.TILE_EDGES", 8)
    assert Incidence.of(replace(inputs, memory={})).tiles is None
