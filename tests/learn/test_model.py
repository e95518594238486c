import itertools

import numpy as np
import pytest
import torch

from learn.graph import build
from learn.models.bapst2020.fast import edges, edges_device
from learn.models.bapst2020.fast.incidence import TILE_EDGES, TILE_NODES, Incidence
from learn.models.bapst2020.model import Bapst2020
from learn.models.checkpoint import tensors


@pytest.fixture(scope="module")
def inputs(structure):
    return tensors(build(*structure(3)))


@pytest.fixture
def network():
    torch.manual_seed(1)
    return Bapst2020(outputs=3)


def gradients(network, function, inputs):
    network.zero_grad()
    types, vectors, senders, receivers = inputs
    vectors = vectors.clone().requires_grad_()
    output = function(types, vectors, senders, receivers)
    (output**2).sum().backward()
    return output.detach(), [vectors.grad, *(parameter.grad.clone() for parameter in network.parameters())]


def largest_difference(found, expected):
    return max(float((x - y).abs().max() / y.abs().max()) for x, y in zip(found, expected, strict=True))


def test_the_published_number_of_parameters():
    """Bapst et al.: 70,721 in the checkpoint, 8,320 of them in a decoder of edges that nothing reads."""
    assert sum(parameter.numel() for parameter in Bapst2020().parameters()) == 70_721 - 8_320


@pytest.mark.parametrize("frugal", [False, True])
@pytest.mark.parametrize("edge_scale", [1.0, 0.05])
def test_as_the_paper_writes_it(network, inputs, frugal, edge_scale):
    """Outputs and every gradient of the factorised network against plain concatenation and autograd.

    In double precision, where rounding (1e-16, some 40 terms, 7 recurrences) cannot hide an error.
    """
    network = network.double()
    network.frugal, network.edge_scale = frugal, edge_scale
    types, vectors, senders, receivers = inputs
    inputs = types.double(), vectors.double(), senders, receivers
    expected, expected_gradients = gradients(network, network.plain, inputs)
    found, found_gradients = gradients(network, network, inputs)
    assert float((found - expected).abs().max()) < 1e-12 * float(expected.abs().max())
    assert largest_difference(found_gradients, expected_gradients) < 1e-10


def test_mixed_precision_is_the_same_network(network, inputs):
    """Rounding to bfloat16 is up to 2^-9 at a time; some twenty such steps in a row leave a per cent or two.

    With sums over edges in bfloat16, too, or vectors, it is several times that.
    """
    expected, (_, *expected_gradients) = gradients(network, network.plain, inputs)
    network.edge_type = torch.bfloat16
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
    types, _, senders, receivers = inputs
    assert len(Incidence.of(senders, receivers, len(types)).pieces) > 20
    many = gradients(network, network, inputs)
    torch.testing.assert_close(many[0], one[0], rtol=1e-5, atol=1e-6)
    assert largest_difference(many[1], one[1]) < 1e-4


@pytest.mark.parametrize("reduction", ["scatter", "index_add"])
def test_every_way_to_sum_agrees(network, inputs, monkeypatch, reduction):
    if reduction == "scatter" and edges.segment_csr is None:
        pytest.skip("torch-scatter is not installed")
    expected = gradients(network, network, inputs)
    monkeypatch.setattr(edges, "REDUCTION", reduction)
    found = gradients(network, network, inputs)
    torch.testing.assert_close(found[0], expected[0], rtol=1e-5, atol=1e-6)
    assert largest_difference(found[1], expected[1]) < 1e-4


@pytest.mark.parametrize("reduction", ["bags", "scatter", "index_add"])
def test_sums_over_nodes_with_and_without_edges(monkeypatch, reduction):
    monkeypatch.setattr(edges, "REDUCTION", reduction)
    values = torch.arange(10.0).reshape(5, 2)
    expected = torch.tensor([[2.0, 4.0], [0.0, 0.0], [18.0, 21.0]])
    torch.testing.assert_close(edges.segment_sum(values, torch.tensor([0, 2, 2, 5])), expected)
    order = torch.tensor([4, 3, 2, 1, 0])
    expected = torch.tensor([[14.0, 16.0], [0.0, 0.0], [6.0, 9.0]])
    torch.testing.assert_close(edges.segment_sum(values, torch.tensor([0, 2, 2, 5]), order), expected)


def test_unsorted_edges(network, inputs):
    types, vectors, senders, receivers = inputs
    shuffled = torch.randperm(len(senders), generator=torch.Generator().manual_seed(0))
    output = network(types, vectors[shuffled], senders[shuffled], receivers[shuffled])
    torch.testing.assert_close(output, network(*inputs), rtol=1e-5, atol=1e-6)


def test_renumbering_particles_renumbers_predictions(network, structure):
    positions, types, box = structure(4)
    order = np.random.default_rng(0).permutation(len(types))
    output = network(*tensors(build(positions, types, box)))
    other = network(*tensors(build(positions[order], types[order], box)))
    torch.testing.assert_close(other, output[order], rtol=1e-5, atol=1e-6)


def test_translation_changes_nothing(network, structure):
    positions, types, box = structure(4)
    output = network(*tensors(build(positions, types, box)))
    other = network(*tensors(build(positions + np.array([0.3, -7.1, 2.2]), types, box)))
    torch.testing.assert_close(other, output, rtol=1e-4, atol=1e-5)


def test_a_particle_reaches_seven_edges_and_no_further(network):
    """A chain 1.5 apart: the output of particle 0 knows particle 7, not particle 8."""
    positions = np.zeros((20, 3))
    positions[:, 0] = 1.5 * np.arange(20)
    box = np.array([60.0, 10.0, 10.0])
    graph = build(positions, np.zeros(20), box)
    types, vectors, senders, receivers = tensors(graph)
    vectors = vectors.double().requires_grad_()
    network.double()(types.double(), vectors, senders, receivers)[0].sum().backward()
    felt = set(graph.receivers[vectors.grad.abs().sum(dim=1).numpy() > 0].tolist())
    felt |= set(graph.senders[vectors.grad.abs().sum(dim=1).numpy() > 0].tolist())
    assert max(felt) == 7


def test_folding_the_edge_scale_keeps_the_function(network, inputs):
    network.edge_scale, network.edge_centre = 0.05, torch.linspace(0, 20, 64)
    before = network(*inputs)
    network.fold()
    assert network.edge_scale == 1.0
    assert not network.edge_centre.any()
    torch.testing.assert_close(network(*inputs), before, rtol=1e-5, atol=1e-6)


on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


def on_device(inputs):
    return [array.cuda() for array in inputs]


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
    types, vectors, senders, receivers = on_device(inputs)
    network.edge_scale = 0.05
    found = gradients(network, network, (types, vectors, senders, receivers))
    assert edges_device.usable(vectors, Incidence.of(senders, receivers, len(types))) == kernels
    exact = types.double(), vectors.double(), senders, receivers
    expected = gradients(network.double(), network.plain, exact)
    for here, there in zip([found[0], *found[1]], [expected[0], *expected[1]], strict=True):
        assert float((here.double() - there).norm() / there.norm()) < 1e-4


@on_cuda
@pytest.mark.parametrize("kernels", [True, False])
def test_mixed_precision_on_cuda_is_the_same_network(network, inputs, monkeypatch, kernels):
    if kernels:
        pytest.importorskip("triton")
    else:
        monkeypatch.setattr(edges_device, "kernels", None)
    network, inputs = network.cuda(), on_device(inputs)
    expected, (_, *expected_gradients) = gradients(network, network.plain, inputs)
    network.edge_type = torch.bfloat16
    found, (_, *found_gradients) = gradients(network, network, inputs)
    assert float(((found - expected).std(dim=0) / expected.std(dim=0)).max()) < 0.05
    for here, there in zip(found_gradients, expected_gradients, strict=True):
        assert float((here - there).norm() / there.norm()) < 0.03


@on_cuda
def test_on_cuda_the_same_bits_each_time(network, inputs):
    network, inputs = network.cuda(), on_device(inputs)
    first, second = gradients(network, network, inputs), gradients(network, network, inputs)
    assert torch.equal(first[0], second[0])
    assert all(torch.equal(a, b) for a, b in zip(first[1], second[1], strict=True))


def test_tiles_hold_whole_nodes(inputs, monkeypatch):
    types, _, senders, receivers = inputs
    incidence = Incidence.of(senders, receivers, len(types))
    table = incidence.tiles.table.tolist()
    assert incidence.tiles.size.tolist() == [len(table), len(senders)]
    assert (table[0][0], table[-1][1]) == (0, len(types))
    for (_, last, _, end), (first, _, begin, _) in itertools.pairwise(table):
        assert (last, end) == (first, begin)
    for first, last, begin, end in table:
        assert (begin, end) == (incidence.start[first], incidence.start[last])
        assert end - begin <= TILE_EDGES
        assert last - first <= TILE_NODES
    monkeypatch.setattr("learn.models.bapst2020.fast.incidence.TILE_EDGES", 8)
    assert Incidence.of(senders, receivers, len(types)).tiles is None
