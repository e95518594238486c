import csv
import itertools
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch

from learn.data import dataset
from learn.data.graph import build
from learn.data.inputs import Inputs
from learn.models import checkpoint
from learn.models.bapst2020 import initial, pair_training, training
from learn.models.bapst2020.model import Bapst2020
from learn.models.bapst2020.recipe import RECIPES, learning_rate, orientation
from learn.models.linear import descent
from learn.models.model import CPU, Task, Trained
from learn.train import chosen_times
from learn.training import device, loop
from learn.training.batch import Batch, normalisation, reader
from learn.training.loop import Plan, correlations, fit
from simulate.files import store
from simulate.stage.command import InputError

# Weights as published, the rest of the default: a few steps are enough for what is tested here.
SCRATCH = {"pair_steps": 0, "learning_rate": 1e-3}


def train(graphs, recipe, epochs, seed, **more):
    """Return the network trained for all times, and its history."""
    options = recipe | {"epochs": epochs}
    return Bapst2020.trained(Task([graphs], dataset.times(graphs), seed, options=options, **more))


def batches(graphs, time, mean=None, scale=None, **more):
    """Return the function name -> Batch, its targets as they are where no normalisation is given."""
    mean, scale = (np.zeros(len(time)), np.ones(len(time))) if mean is None else (mean, scale)
    return reader(graphs, time, Bapst2020().inputs, mean, scale, **more)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def test_one_sample_is_learned_by_heart(structure):
    """The architecture can represent what it is shown: r > 0.99 on the sample it learns from (Bapst et al.'s test).

    Random targets, which nothing but memory predicts; few particles and edges to be quick.
    """
    inputs = Inputs.of(build(*structure(1, side=4), cutoff=1.35))
    target = torch.randn(len(inputs.types), 1, generator=torch.Generator().manual_seed(0))
    batch = Batch(inputs, target, inputs.types == 0, torch.zeros(len(inputs.types), 0, 3))
    network = Bapst2020()
    initial.as_published(network, 0)
    initial.centre(network).scale.fill_(0.3)
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    reached = 0.0
    for step in range(1500):
        optimiser.zero_grad()
        output = network(batch.inputs)
        ((output - batch.target)[batch.chosen] ** 2).mean().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        if step % 20 == 0:
            reached = correlations(network, [batch])[0]
            if reached > 0.99:
                break
    assert reached > 0.99


@pytest.mark.parametrize("recipe", [SCRATCH, SCRATCH | {"pair_steps": 3}])
def test_a_killed_run_resumes_to_the_same_result(graphs, tmp_path, monkeypatch, recipe):
    """Weights, history and choice of a run killed three times equal those of an uninterrupted one, bit for bit.

    Killed in the middle of the first epoch (3 steps each), at the end of the second, and in the fourth.
    """
    whole, rows = train(graphs, recipe, 5, 7)

    class Killed(Exception):
        pass

    one_step = loop._step

    def kill_after(steps):
        taken = itertools.count()

        def step(*arguments):
            if next(taken) == steps:
                raise Killed
            return one_step(*arguments)

        return step

    monkeypatch.setattr(loop, "STATE_INTERVAL", 0)
    state = tmp_path / "state"
    for steps in (2, 4, 4):
        monkeypatch.setattr(loop, "_step", kill_after(steps))
        with pytest.raises(Killed):
            train(graphs, recipe, 5, 7, state=state)
    left = itertools.count()
    monkeypatch.setattr(loop, "_step", lambda *arguments: (next(left), one_step(*arguments))[1])
    again, resumed = train(graphs, recipe, 5, 7, state=state)
    assert next(left) == 5 * 3 - 10
    assert resumed == rows
    for name, weight in whole.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], weight), name


def test_a_run_killed_in_its_validation_resumes(graphs, tmp_path, monkeypatch):
    state = tmp_path / "state"

    class Killed(Exception):
        pass

    def killed(*arguments):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(loop, "STATE_INTERVAL", 0)
        patch.setattr(loop, "correlations", killed)
        with pytest.raises(Killed):
            train(graphs, SCRATCH, 2, 7, state=state)
    resumed = train(graphs, SCRATCH, 2, 7, state=state)[1]
    assert resumed == train(graphs, SCRATCH, 2, 7)[1]


def test_the_state_of_another_run_is_not_taken_up(graphs, tmp_path, capsys):
    state = tmp_path / "state"
    train(graphs, SCRATCH, 1, 7, state=state)
    _, other = train(graphs, SCRATCH, 1, 8, state=state)
    assert "starting again" in capsys.readouterr().out
    assert other == train(graphs, SCRATCH, 1, 8)[1]
    # The same targets in all, but not the same run.
    train(graphs, SCRATCH, 1, 8, state=state, control="shuffled")
    assert "starting again" in capsys.readouterr().out
    assert train(graphs, SCRATCH, 1, 8, state=state)[1] == other
    state.write_bytes(state.read_bytes()[:500])
    assert train(graphs, SCRATCH, 1, 8, state=state)[1] == other


def test_sigterm_leaves_a_state_to_go_on_from(graphs, tmp_path):
    command = [sys.executable, "-m", "learn.train", str(graphs), "--output", str(tmp_path / "model.pt"), "--epochs"]
    running = subprocess.Popen([*command, "100000", "--recipe", "published"], stderr=subprocess.PIPE, text=True)
    state = tmp_path / "model.pt.state"
    for _ in range(3000):
        if state.exists():
            break
        time.sleep(0.1)
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 143
    assert "resumes from there" in said
    assert os.listdir(tmp_path) == ["model.pt.state"]


def test_a_network_sees_only_as_many_configurations_as_it_is_told_to(graphs):
    trained, history = train(graphs, SCRATCH, 2, 7, samples=2)
    assert trained.settings["n_train"] == 2
    assert [row["step"] for row in history] == [2, 4]
    with pytest.raises(InputError, match=r"--samples 4: .* holds 3 training configurations"):
        train(graphs, SCRATCH, 2, 7, samples=4)


def test_the_best_epoch_on_validation_is_kept(graphs):
    """The kept weights score the best validation r of the history, and better than the last epoch's, here a bad one."""
    trained, rows = train(graphs, SCRATCH | {"learning_rate": 3e-2}, 6, 0)
    batch = batches(graphs, trained.time, trained.mean, trained.scale)("s0002")
    best = max(row["validation_r"] for row in rows)
    # The weights behind the sums are scaled once at the end: equal to rounding only.
    assert correlations(trained.network, [batch]).mean() == pytest.approx(best, abs=1e-4)


def test_test_configurations_are_never_read(graphs, tmp_path):
    """Spoiled test targets change nothing; spoiled training targets are refused."""
    spoiled = tmp_path / "graphs.h5"
    spoiled.write_bytes(graphs.read_bytes())
    with h5py.File(spoiled, "a") as file:
        for name in ("s0000", "s0005"):
            file[name]["propensity"][...] = np.nan
    expected = train(graphs, SCRATCH, 1, 0)[1]
    assert train(spoiled, SCRATCH, 1, 0)[1] == expected
    with h5py.File(spoiled, "a") as file:
        file["s0001"]["propensity"][0, 0] = np.inf
    with pytest.raises(InputError, match="sample 's0001': propensity hold NaN or infinite"):
        train(spoiled, SCRATCH, 1, 0)


def test_training_and_test_on_one_configuration_is_refused(graphs, tmp_path):
    mixed = tmp_path / "graphs.h5"
    mixed.write_bytes(graphs.read_bytes())
    with h5py.File(mixed, "a") as file:
        file["s0001"]["positions"][...] = file["s0000"]["positions"][()] + [file["s0000"]["box"][0], 0, 0]
        file["s0001"]["types"][...] = file["s0000"]["types"][()]
    with pytest.raises(InputError, match="same configuration"):
        train(mixed, SCRATCH, 1, 0)


def test_divergence_is_told(graphs, tmp_path):
    with pytest.raises(InputError, match=r"diverged.*lower --learning-rate"):
        train(graphs, SCRATCH | {"learning_rate": 1e6}, 50, 0)


def test_only_a_particles_are_in_the_loss(graphs):
    """Whatever B's targets are, the gradients are the same."""
    batch = batches(graphs, np.array([0.5]))("s0001")
    network = Bapst2020()
    found = []
    for wrong in (0.0, 1e3):
        network.zero_grad()
        changed = replace(batch, target=batch.target + wrong * ~batch.chosen[:, None])
        training.losses(network, changed, 0.0)[1].backward()
        found.append([weight.grad.clone() for weight in network.parameters()])
    assert all(torch.equal(here, there) for here, there in zip(*found, strict=True))


def test_rotating_a_configuration_rotates_what_is_learned_beside_the_propensity(graphs, structure):
    """Release from positions with exchanged axes gives the displacements with exchanged axes, like the edge vectors."""
    positions, types, box = structure(1)
    matrix = np.array([[0.0, 1, 0], [0, 0, -1], [1, 0, 0]])
    moved = descent.displacements(positions @ matrix, types, box, training.RELEASES)
    batch = batches(graphs, np.array([0.5]), beside=training.released)("s0001")
    rotated = batch.rotated(torch.from_numpy(matrix.astype(np.float32)))
    moved /= np.sqrt((moved**2).mean(axis=(0, 2), keepdims=True))
    # The sample's positions are stored in float32.
    np.testing.assert_allclose(rotated.displacements, moved, atol=2e-3)
    vectors = Inputs.of(build(positions @ matrix, types, box)).vectors
    torch.testing.assert_close(rotated.inputs.vectors, vectors, atol=1e-5, rtol=0)


def test_what_is_learned_beside_the_propensity_is_learned_and_left_out(graphs):
    """On a validation sample it is predicted better than where it has no weight; one output a time stays."""
    time = dataset.times(graphs)
    load = batches(graphs, time, *normalisation(graphs, ["s0001"], time), beside=training.released)
    batch = load("s0002")
    names = {split: dataset.samples(graphs, split) for split in ("train", "validation")}

    def unexplained(weight):
        network = Bapst2020(outputs=2 + 3 * len(training.RELEASES))
        pair_training.prepare(network, initial.centre(network), [load(name) for name in names["train"]], 0, 200)
        optimiser = torch.optim.Adam(network.parameters())
        plan = Plan(15, 0, optimiser, lambda batch: training.losses(network, batch, weight), lambda step, steps: 2e-3)
        fit(network, load, names, plan)
        with torch.no_grad():
            output = network(batch.inputs)
        initial.keep_outputs(network, 2)
        assert network(batch.inputs).shape == (125, 2)
        return float(((output[:, 2:5] - batch.displacements[:, 0]) ** 2).mean())

    assert unexplained(1.0) < 0.8 * unexplained(0.0)


def test_the_48_orientations_of_the_cube():
    random = np.random.default_rng(0)
    seen = {tuple(orientation(random, "cube").flatten().tolist()) for _ in range(1000)}
    # 48 equally likely: all but surely (1 - 48 (47/48)^1000 = 1 - 4e-8) every one in 1000 tries.
    assert len(seen) == 48
    for flat in seen:
        matrix = torch.tensor(flat).reshape(3, 3)
        assert torch.equal(matrix @ matrix.T, torch.eye(3))


def test_rotations_are_orthogonal_and_point_everywhere():
    random = np.random.default_rng(0)
    found = torch.stack([orientation(random, "rotation") for _ in range(3000)])
    torch.testing.assert_close(found @ found.transpose(1, 2), torch.eye(3).expand(3000, 3, 3), atol=1e-5, rtol=0)
    # Each entry has mean 0 and, uniform over the group, mean square 1/3; standard errors 0.011 and 0.005.
    assert float(found.mean(0).abs().max()) < 0.05
    assert float((found**2).mean(0).sub(1 / 3).abs().max()) < 0.03
    # Half of them mirror.
    assert abs(float((torch.linalg.det(found) > 0).double().mean()) - 0.5) < 0.05


def test_the_published_initialisation():
    """Variance 1 / inputs, nothing beyond two standard deviations of the uncut normal, biases 0.1."""
    network = Bapst2020()
    initial.as_published(network, 3)
    weight = network.edge_update[0].weight
    assert float(weight.detach().var()) == pytest.approx(1 / 384, rel=0.03)
    assert float(weight.detach().abs().max()) < 2 / 384**0.5 / 0.8796 + 1e-6
    assert all(bool((value == 0.1).all()) for name, value in network.named_parameters() if name.endswith("bias"))
    other = Bapst2020()
    initial.as_published(other, 4)
    assert not torch.equal(other.edge_update[0].weight, weight)


def test_the_learning_rate_rises_then_falls_to_zero():
    rates = [learning_rate(RECIPES["default"], step, 1000) for step in range(1000)]
    assert np.argmax(rates) < 60
    assert rates[0] < 0.05 * max(rates)
    assert rates[-1] < 1e-4 * max(rates)
    assert {learning_rate(RECIPES["published"], step, 1000) for step in range(1000)} == {1e-4}


def test_starting_from_a_network_keeps_what_it_sees(graphs):
    """Targets that are linear in the given network's channels are met from the start, to the size of the ridge."""
    torch.manual_seed(0)
    given = Trained(Bapst2020(1), {"model": "bapst2020"}, np.array([0.5]), np.zeros(1), np.ones(1))
    load = batches(graphs, np.array([0.5]))
    wanted = []
    for batch in (load("s0001"), load("s0003")):
        output = given.network(batch.inputs).detach()
        wanted.append(replace(batch, target=torch.cat([1 + 5 * output, -output], dim=1)))
    network = Bapst2020(2)
    initial.as_published(network, 3)
    initial.take_over(network, given, wanted)
    assert correlations(network, wanted).min() > 0.95
    for name, weight in network.state_dict().items():
        if not name.startswith(("decoder.2", "decoder.4")):
            assert torch.equal(weight, given.network.state_dict()[name]), name


@pytest.mark.slow
def test_mixed_precision_learns_as_well(graphs):
    """Validation r of both precisions over five seeds: their means differ by no more than chance.

    Three standard errors of the difference; the seeds are the same, their paths part at once.
    """
    reached = {
        precision: [max(row["validation_r"] for row in train(graphs, recipe, 40, seed)[1]) for seed in range(5)]
        for precision in ("float32", "mixed")
        for recipe in [{"pair_steps": 100, "release": 0.0, "learning_rate": 1e-3, "precision": precision}]
    }
    error = np.sqrt(sum(np.var(values, ddof=1) / 5 for values in reached.values()))
    found = {precision: np.mean(values) for precision, values in reached.items()}
    assert found["float32"] > 0.3
    assert abs(found["mixed"] - found["float32"]) < 3 * error + 0.002


def test_an_expression_names_its_time(graphs, tmp_path):
    """Sampling times are sorted at every temperature: the place of one among the configuration's says nothing."""
    said = tmp_path / "relaxation.h5"
    store.write(said, "relaxation", {}, {"times": {"4": 4.0, "0.5 tau_alpha": 0.5}})
    assert list(dataset.times(graphs)) == [0.5, 4.0]
    assert chosen_times(graphs, None, "4", said) == [4.0]
    assert chosen_times(graphs, None, "0.5 tau_alpha", said) == [0.5]


def test_the_stage(graphs, tmp_path):
    command = [sys.executable, "-m", "learn.train", str(graphs), "--output", str(tmp_path / "model.pt")]
    command += ["--history", str(tmp_path / "history.csv"), "--epochs", "2", "--time-index", "1", "--seed", "4"]
    subprocess.run(command, check=True, capture_output=True)
    assert sorted(os.listdir(tmp_path)) == ["history.csv", "history.csv.provenance.json", "model.pt"]
    trained = checkpoint.load(tmp_path / "model.pt")
    assert trained.time.tolist() == [4.0]
    assert (trained.settings["seed"], trained.settings["n_train"], trained.settings["temperature"]) == (4, 3, 0.7)
    with open(tmp_path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]


def test_shuffled_targets_stay_the_same_numbers_and_forget_their_places(graphs):
    name = dataset.samples(graphs, "train")[0]
    time = dataset.times(graphs)
    plain = batches(graphs, time, beside=training.released)(name)
    moved, again = (batches(graphs, time, beside=training.released, shuffle=3)(name) for _ in range(2))
    assert torch.equal(moved.target, again.target)

    def rows(batch, members):
        """All targets of each particle together, in an order of their own."""
        together = batch.wanted()[members].numpy()
        return together[np.lexsort(together.T)]

    for species in (0, 1):
        members = plain.inputs.types == species
        np.testing.assert_array_equal(rows(plain, members), rows(moved, members))
        assert (plain.target != moved.target)[members].any(dim=1).float().mean() > 0.8


@pytest.mark.parametrize("recipe", RECIPES)
def test_an_untrained_network_has_the_first_weights_and_the_right_scale(graphs, recipe):
    trained, rows = train(graphs, {"recipe": recipe}, 30, 4, control="untrained")
    first = Bapst2020(outputs=len(trained.time))
    initial.as_published(first, 4)
    for name, weights in first.state_dict().items():
        assert torch.equal(trained.network.state_dict()[name], weights)
    assert trained.settings["control"] == "untrained"
    expected = normalisation(graphs, dataset.samples(graphs, "train"), trained.time)
    np.testing.assert_array_equal([trained.mean, trained.scale], expected)
    assert [row["epoch"] for row in rows] == [0]


def test_folding_keeps_the_function(graphs):
    network = Bapst2020()
    layer = initial.centre(network)
    layer.scale.fill_(0.05)
    layer.centre.copy_(torch.linspace(0, 20, 64))
    inputs = batches(graphs, np.array([0.5]))("s0001").inputs
    before = network(inputs)
    initial.fold(network)
    assert list(network.state_dict()) == list(Bapst2020().state_dict())
    torch.testing.assert_close(network(inputs), before, rtol=1e-5, atol=1e-6)


@pytest.fixture
def cuda():
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    return torch.device("cuda")


def test_the_device_that_is_asked_for(monkeypatch, capsys):
    assert device.choose("cpu") == device.Device(torch.device("cpu"), "cpu", "requested")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = device.choose("auto")
    assert found.torch.type == "cpu"
    with pytest.raises(InputError, match=r"--device cuda: does not work here .*expected auto or cpu"):
        device.choose("cuda")
    device.announce(found)
    assert capsys.readouterr().err == f"device cpu ({found.why})\n"


# Steps as small as those of a default run, and the pairs before them.
SHORT = {"optimiser": "adam", "learning_rate": 1e-4, "pair_steps": 20}


@pytest.mark.parametrize("precision", ["float32", "mixed"])
def test_training_on_cuda_is_that_on_the_processor(graphs, cuda, precision):
    recipe = SHORT | {"precision": precision}
    expected, rows = train(graphs, recipe, 3, 7)
    found, other = train(graphs, recipe, 3, 7, device=cuda)
    # Roundings of bfloat16 (0.4 %) grow from step to step: two epochs say whether it is the same training.
    for here, there in zip(other[:2], rows[:2], strict=True) if precision == "mixed" else zip(other, rows, strict=True):
        assert here["loss"] == pytest.approx(there["loss"], rel=0.01 if precision == "float32" else 0.05)
    for name, weight in found.network.state_dict().items():
        assert weight.device.type == "cpu", name
    sample = dataset.load(graphs, "s0002").configuration
    for here, there in zip(found.predict(sample), expected.predict(sample), strict=True):
        assert np.corrcoef(here, there)[0, 1] > 0.98


@pytest.mark.parametrize("optimiser", ["adam", "soap"])
def test_a_run_stopped_on_cuda_resumes_there_and_on_the_processor(graphs, cuda, tmp_path, monkeypatch, optimiser):
    recipe = SCRATCH | {"optimiser": optimiser}
    rows = train(graphs, recipe, 4, 7, device=cuda)[1]

    class Killed(Exception):
        pass

    def killed(*arguments):
        raise Killed

    monkeypatch.setattr(loop, "STATE_INTERVAL", 0)
    state = tmp_path / "state"
    with monkeypatch.context() as patch:
        taken, one_step = itertools.count(), loop._step
        patch.setattr(loop, "_step", lambda *all: killed() if next(taken) == 8 else one_step(*all))
        with pytest.raises(Killed):
            train(graphs, recipe, 4, 7, state=state, device=cuda)
    kept = state.read_bytes()
    for place in (cuda, CPU):
        state.write_bytes(kept)
        other = train(graphs, recipe, 4, 7, state=state, device=place)[1]
        assert [row["loss"] for row in other] == pytest.approx([row["loss"] for row in rows], rel=1e-3)


def test_divergence_on_cuda_is_told(graphs, cuda):
    with pytest.raises(InputError, match=r"diverged.*lower --learning-rate"):
        train(graphs, SCRATCH | {"learning_rate": 1e6}, 50, 0, device=cuda)
