"""Pairs: the same whatever the frame, as far as its layers reach, learned exactly again; sums against torch_scatter."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.perturbation import responses
from analysis.perturbation.configurations import Examined
from learn.data.graph import Graph
from learn.models import checkpoint
from learn.models.model import Task, Trained
from learn.models.pairs import model as pairs
from learn.models.pairs import training
from learn.models.pairs.inputs import describe
from learn.models.pairs.sums import Edges, scattered, summed
from learn.training import loop
from simulate.liquid.configuration import Configuration
from simulate.liquid.statistics import correlation
from simulate.stage.command import Interrupted

SMALL = {"layers": 1, "members": 2, "steps": 6, "given": 1}


def configuration(glass, number=0, move=lambda place: place, order=slice(None)):
    positions, types, box, place = glass(number)
    return Configuration(move(positions)[order], types[order], box, None, move(place)[order])


def model_of(structure, rung=2, layers=2, members=1):
    """A model of random weights in all its parts, the linear one too."""
    model = training.begun({"given": rung, "layers": layers, "members": members}, 2, seed=0)
    model.linear.weight.normal_(std=0.01, generator=torch.Generator().manual_seed(0))
    model.standardise([describe(structure, model.linear).inputs])
    return model.eval()


def predicted(model, structure):
    with torch.no_grad():
        return model(model.inputs(structure)).numpy()


@pytest.mark.parametrize("rung", [1, 3])
def test_predictions_do_not_depend_on_the_frame(glass, rung):
    structure = configuration(glass)
    model = model_of(structure, rung)
    expected = predicted(model, structure)
    random = np.random.default_rng(1)
    images = random.integers(-2, 3, size=(len(expected), 3)) * structure.box
    order = random.permutation(len(expected))
    moved = {
        "turned": configuration(glass, move=lambda place: place[:, [1, 2, 0]] * [-1, 1, 1]),
        "mirrored": configuration(glass, move=lambda place: place * [1, 1, -1]),
        "moved and wrapped": configuration(glass, move=lambda place: place + (np.array([1.2, -7.7, 30.1]) + images)),
    }
    # Voronoi cells are computed in single precision, which decides about their thinnest faces.
    for name, each in moved.items():
        np.testing.assert_allclose(predicted(model, each), expected, atol=0.02 * expected.std(), err_msg=name)
    renumbered = predicted(model, configuration(glass, order=order))
    np.testing.assert_allclose(renumbered, expected[order], atol=0.02 * expected.std())


def test_any_rotation_of_the_vectors_leaves_the_networks(glass):
    """Beyond what the box allows: vectors and displacements rotated by any orthogonal matrix."""
    structure = configuration(glass)
    model = model_of(structure)
    inputs = model.inputs(structure)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2)))[0]
    nodes, begin = inputs.nodes.clone(), model.node_scale.shape[1]
    nodes[:, begin : begin + 3] = nodes[:, begin : begin + 3] @ rotation
    with torch.no_grad():
        turned = model(replace(inputs.rotated(rotation), nodes=nodes))
        torch.testing.assert_close(turned, model(inputs), rtol=0, atol=1e-5)
        # The test sees rotations: of the vectors alone they change what displacements mean.
        assert (model(inputs.rotated(rotation)) - turned).abs().max() > 1e-3


def test_sparse_sums_and_their_gradients_are_those_of_torch_scatter():
    random = torch.Generator().manual_seed(0)
    n, channels, edge_functions = 30, 5, 4
    joined = torch.rand(n, n, generator=random).triu(1) < 0.3
    receivers, senders = torch.nonzero(joined | joined.T, as_tuple=True)
    first = torch.searchsorted(receivers, torch.arange(n + 1)).int()
    reverse = torch.searchsorted(receivers * n + senders, senders * n + receivers)
    values = torch.randn(edge_functions, len(senders), generator=random, dtype=torch.float64)
    edges = Edges(first, senders.int(), values, (torch.arange(n) % 3 == 0).double()[:, None], reverse)
    shapes = ((n, channels), (2, edge_functions, channels), (n, channels))
    h, weights, out = (torch.randn(shape, generator=random, dtype=torch.float64) for shape in shapes)
    found = []
    for sums in (summed, scattered):
        leaves = h.clone().requires_grad_(), weights.clone().requires_grad_()
        result = sums(*leaves, edges)
        (result * out).sum().backward()
        found.append([result.detach(), *(leaf.grad for leaf in leaves)])
    torch.testing.assert_close(found[0], found[1], rtol=1e-12, atol=1e-12)
    with torch.no_grad():
        torch.testing.assert_close(summed(h, weights, edges), found[0][0], rtol=1e-12, atol=1e-12)


def test_single_precision_and_pieces_change_nothing(glass, monkeypatch):
    structure = configuration(glass)
    model = model_of(structure)
    inputs = model.inputs(structure)
    exact = replace(inputs, nodes=inputs.nodes.double(), vectors=inputs.vectors.double(), memory={})
    with torch.no_grad():
        single, double = model(inputs), copy.deepcopy(model).double()(exact)
        torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-5)
        monkeypatch.setattr(pairs, "EDGES_AT_ONCE", 1000)
        torch.testing.assert_close(model(inputs), single, rtol=0, atol=1e-6)


@pytest.mark.parametrize("layers", [0, 2])
def test_it_sees_as_far_as_it_has_layers(glass, layers):
    structure = configuration(glass)
    model = model_of(structure, layers=layers)
    inputs = model.inputs(structure)
    near = {7}
    for _ in range(layers):
        near |= {
            int(sender)
            for sender, receiver in zip(inputs.senders, inputs.receivers, strict=True)
            if int(receiver) in near
        }
    changed = replace(inputs, nodes=inputs.nodes.clone())
    changed.nodes[7, :3] += 1
    with torch.no_grad():
        different = set(torch.nonzero((model(changed) != model(inputs)).any(dim=1))[:, 0].tolist())
    assert different <= near
    assert len(different) > 0.9 * len(near)


def test_shells_see_its_edges(glass):
    """A piece of all that a particle sees predicts the same; a small gap does what the gradient says."""
    structure = configuration(glass)
    model = model_of(structure)
    # First weights hardly hear of neighbours.
    for parameter in (layer.filter for network in model.networks for layer in network.layers):
        parameter.data *= 30
    trained = Trained(model.requires_grad_(False), {"model": "pairs"}, np.ones(2), np.zeros(2), np.ones(2))
    inputs = model.inputs(structure)
    ends = inputs.senders.numpy(), inputs.receivers.numpy(), inputs.vectors[0].numpy()
    graph = Graph(structure.types, structure.box, structure.positions, *ends)
    examined = [Examined(inputs, graph, np.zeros((2, len(structure.types))), 1.0)]
    chosen = [np.flatnonzero(structure.types == 0)[:4]]
    plan = responses.Plan(("removal", "gap", "gradient"), (1, 2), (2e-3,), include_wrapped=True)
    found = responses.respond(trained, examined, chosen, plan)
    changed = {change[:2]: values for change, values in found.changed.items()}
    np.testing.assert_allclose(changed["removal", 2], found.full, atol=1e-5)
    assert np.abs(changed["removal", 1] - found.full).max() > 1e-3
    gradient = changed["gradient", 1]
    slope = (changed["gap", 1] - found.full) / 2e-3
    np.testing.assert_allclose(slope, gradient, atol=0.05 * np.abs(gradient).max())
    assert np.abs(gradient).max() > 1e-3
    assert not changed["gradient", 2].any()


def test_it_learns_noise_by_heart(glass):
    structure = configuration(glass)
    settings = {"given": 2, "layers": 2, "members": 1}
    noise = np.random.default_rng(0).normal(size=(2, len(structure.types)))
    model = training.begun(settings, 2, seed=0)
    known = describe(structure, model.linear), noise
    # The linear model needs two configurations: the same twice.
    names = {"train": ["a", "b"], "validation": ["a"]}
    batch_of = training.prepared(model, lambda name: known, names)
    loop.fit(model, batch_of, names, training.plan_of(model, 160, 2, seed=0))
    with torch.no_grad():
        outputs = model.standardised(batch_of("a").inputs)[0].T.numpy()
    assert min(correlation(x, y) for x, y in zip(outputs, noise, strict=True)) > 0.9


def test_a_killed_run_resumes_to_the_same_model_which_a_file_keeps(graphs, tmp_path, monkeypatch):
    task = Task([graphs], np.array([0.5, 4.0]), seed=3, options=SMALL)
    whole, history = pairs.Pairs.trained(task)
    asked = iter([False] * 5 + [True] * 2)
    monkeypatch.setattr(loop.command, "stop_requested", lambda: next(asked, False))
    stopped = replace(task, state=tmp_path / "model.pt.state")
    with pytest.raises(Interrupted, match="resumes"):
        pairs.Pairs.trained(stopped)
    resumed, again = pairs.Pairs.trained(stopped)
    assert again == history
    checkpoint.save(tmp_path / "model.pt", resumed)
    read = checkpoint.load(tmp_path / "model.pt")
    assert read.given == "positions"
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, read.network.state_dict()[name]), name


def test_level_and_width_are_those_of_the_propensity(graphs, structure):
    trained, _ = pairs.Pairs.trained(Task([graphs], np.array([0.5, 4.0]), options=SMALL))
    positions, types, box = structure(9)
    inputs = trained.network.inputs(Configuration(positions, types, box))
    found, spread = trained.propensity(inputs)
    assert spread.shape == found.shape == (2, len(types))
    assert (spread > 0).all()
    # The second time has twice the first, and 0.1 more for B.
    np.testing.assert_allclose(found[1].mean() / found[0].mean(), 2, rtol=0.05)
    assert 0.8 < found[0].mean() < 1.0


def test_controls_learn_nothing(graphs):
    untrained, history = pairs.Pairs.trained(Task([graphs], np.array([0.5]), control="untrained", options=SMALL))
    assert not untrained.network.linear.weight.any()
    assert len(history) == 1
    shuffled, _ = pairs.Pairs.trained(Task([graphs], np.array([0.5]), control="shuffled", options=SMALL))
    plain, _ = pairs.Pairs.trained(Task([graphs], np.array([0.5]), options=SMALL))
    assert not torch.equal(shuffled.network.linear.weight, plain.network.linear.weight)
    torch.testing.assert_close(shuffled.network.width, plain.network.width)
