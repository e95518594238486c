"""Responses to removal and gap: exact limits, linear range, derivatives, files, and the published network."""

import csv
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis import shells
from analysis.perturbation import configurations, responses, surroundings
from learn.data.graph import build
from learn.data.inputs import Inputs
from learn.models import checkpoint
from learn.models.bapst2020.model import Bapst2020
from learn.models.model import Piece, Trained
from simulate.files import store
from simulate.liquid.configuration import Configuration
from simulate.stage.command import InputError

EDGE = 7.0
# Of responses: particle, wraps_from, squares, pairs; temperature and half the box.
NOTHING = (*[np.zeros(0)] * 4, 0.7, 3.5)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def configuration(seed=0):
    """A distorted crystal of 343 particles: every particle has neighbours, none overlap."""
    generator = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(7.0)] * 3), axis=-1).reshape(-1, 3)
    types = (generator.random(343) < 0.2).astype(np.int8)
    return grid + generator.uniform(-0.25, 0.25, grid.shape), types, np.full(3, EDGE)


@pytest.fixture(scope="module")
def trained():
    """A random network of two times with a cutoff of 1.5, so that two shells fit into the box."""
    torch.manual_seed(0)
    network = Bapst2020(outputs=2, cutoff=1.5).requires_grad_(False).eval()
    settings = {"model": "bapst2020", "cutoff": 1.5}
    return Trained(network, settings, np.array([0.1, 1.0]), np.array([0.3, 0.5]), np.array([2.0, 4.0]))


@pytest.fixture(scope="module")
def case():
    graph = build(*configuration(), 1.5)
    truth = np.stack([np.arange(343.0), np.full(343, np.nan)])
    return configurations.Examined(Inputs.of(graph), graph, truth, 0.7)


def respond(trained, case, chosen=(3, 50, 200), **plan):
    plan = {"kinds": ("removal",), "shells": (1, 2, 3), **plan}
    return responses.respond(trained, [case], [np.array(chosen)], responses.Plan(**plan))


def piece_of(case, particle):
    around = surroundings.around(case.graph, particle, surroundings.first_edge(case.graph))
    return Piece(case.inputs.part(around.particles, around.edges), around.hop), around


def test_marked_particles_alone_get_the_same_prediction(trained, case):
    """Batched pieces, computed only as far as the marked particle needs, against the network's own forward."""
    pieces = [piece_of(case, particle)[0] for particle in (3, 50, 200)]
    full = trained.network(case.inputs).numpy()
    np.testing.assert_allclose(trained.network.marked(pieces), full[[3, 50, 200]], atol=2e-6)


def test_removal_of_nothing_changes_nothing(trained, case):
    """With shells that hold the whole box, every prediction is the full one."""
    found = respond(trained, case, shells=(1, 20), include_wrapped=True)
    np.testing.assert_allclose(found.changed["removal", 20, np.nan], found.full, rtol=1e-5)
    assert np.abs(found.changed["removal", 1, np.nan] - found.full).max() > 1e-3


def test_removal_is_a_prediction_for_the_cut_out_cluster(trained, case):
    """One shell of one particle, cut by hand and placed in a box of its own."""
    positions, types, box = configuration()
    vectors = positions - positions[50]
    vectors -= box * np.rint(vectors / box)
    inside = np.linalg.norm(vectors, axis=1) < 1.5
    alone = Configuration(vectors[inside], types[inside], np.full(3, 50.0))
    expected = trained.predict(alone)[:, np.flatnonzero(np.flatnonzero(inside) == 50)[0]]
    found = respond(trained, case)
    np.testing.assert_allclose(found.changed["removal", 1, np.nan][:, 1], expected, rtol=1e-5)


def test_wrapped_shells_are_left_out_and_counted_out(trained, case):
    found = respond(trained, case, shells=(1, 2, 6))
    assert np.isfinite(found.changed["removal", 1, np.nan]).all()
    rows = shells.table(found, responses.Plan(("removal",), (1, 2, 6)))
    beyond = [row for row in rows if row["shell"] == 6]
    assert [row["n_particles"] for row in beyond] == [0, 0]
    assert all(np.isnan(row["rms_change"]) for row in beyond)


def test_batches_and_threads_do_not_matter(trained, case):
    one = respond(trained, case, kinds=("removal", "gap"), shells=(1, 2), deltas=(0.05,), batch_edges=1)
    many = respond(trained, case, kinds=("removal", "gap"), shells=(1, 2), deltas=(0.05,), batch_edges=10**7, threads=2)
    for key, values in one.changed.items():
        np.testing.assert_allclose(values, many.changed[key], rtol=1e-5)


def test_gap_is_linear_for_small_gaps_with_the_gradient_as_slope(trained, case):
    deltas = (0.002, 0.004)
    found = respond(trained, case, kinds=("gap", "gradient"), shells=(1, 2), deltas=deltas)
    for shell in (1, 2):
        slope = found.changed["gradient", shell, np.nan]
        # ReLU: piecewise linear in the vectors; single precision leaves 1e-6 / 0.002 of the prediction's size.
        for delta in deltas:
            change = (found.changed["gap", shell, delta] - found.full) / delta
            np.testing.assert_allclose(change, slope, rtol=0.1, atol=0.01 * np.abs(slope).max() + 2e-3)


def test_gradient_is_the_finite_difference_of_moving_one_particle(trained, case):
    positions, _, box = configuration()
    piece, around = piece_of(case, 50)
    gradient = responses.on_particles(responses._gradient(trained, piece), around) / trained.scale[:, None, None]
    double = Bapst2020(outputs=2).double()
    double.load_state_dict(trained.network.state_dict())

    def predict(moved):
        senders, receivers = case.graph.senders, case.graph.receivers
        vectors = moved[receivers] - moved[senders]
        vectors -= box * np.rint(vectors / box)
        with torch.no_grad():
            return double.plain(replace(case.inputs, vectors=torch.from_numpy(vectors)[None])).numpy()[50]

    for index in (0, 5, 100):
        for axis in range(3):
            step = np.zeros_like(positions)
            step[around.particles[index], axis] = 1e-5
            difference = (predict(positions + step) - predict(positions - step)) / 2e-5
            # Back-propagation in single precision.
            np.testing.assert_allclose(gradient[:, index, axis], difference, rtol=2e-3, atol=2e-6)
    # Moving everything together changes nothing.
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-5)


def test_a_network_that_looks_one_edge_far_has_a_response_of_one_edge(trained, case):
    """With the sum over incoming edges cut off, the prediction depends on no neighbour at all."""
    deaf = Bapst2020(outputs=2)
    with torch.no_grad():
        deaf.node_update[0].weight[:, :64] = 0
    alone = Trained(deaf.requires_grad_(False), trained.settings, trained.time, trained.mean, trained.scale)
    found = respond(alone, case, kinds=("removal", "gradient"), shells=(1,))
    np.testing.assert_allclose(found.changed["removal", 1, np.nan], found.full, rtol=1e-6)
    assert (found.changed["gradient", 1, np.nan] == 0).all()
    assert (found.squares == 0).all()
    assert found.pairs.sum() > 0


def test_correlations_of_the_table():
    full = np.array([[1.0, 2.0, 4.0, 3.0]])
    changed = {("removal", 1, np.nan): np.array([[3.0, 5.0, 9.0, np.nan]])}
    case = np.zeros(4)
    found = responses.Responses(np.array([1.0]), full, -full, changed, case, *NOTHING)
    (row,) = shells.table(found, responses.Plan(("removal",), (1,)))
    assert row["n_particles"] == 3
    assert row["correlation_with_full"] == pytest.approx(1)
    assert row["correlation_with_truth"] == pytest.approx(-1)
    assert row["rms_change"] == pytest.approx(np.sqrt((4 + 9 + 25) / 3))


def test_errors_of_the_table_are_those_of_drawing_particles_again():
    """One configuration: the root mean square of Gaussian changes of width s is uncertain by s / sqrt(2 P), a
    correlation rho by (1 - rho^2) / sqrt(P). Of configurations that differ as a whole, theirs counts."""
    random, n = np.random.default_rng(3), 2000
    full = random.normal(size=n)
    answers = {("removal", 1, np.nan): (full + 0.5 * random.normal(size=n))[None]}
    alike = np.zeros(n)
    found = responses.Responses(np.ones(1), full[None], full[None], answers, alike, *NOTHING)
    (row,) = shells.table(found, responses.Plan(("removal",), (1,)))
    # 200 draws: a standard deviation known to 5 %; three of these.
    assert row["rms_change_error"] == pytest.approx(0.5 / np.sqrt(2 * n), rel=0.15)
    assert row["correlation_with_full_error"] == pytest.approx(0.2 / np.sqrt(n), rel=0.15)
    # Changes 1 in one configuration, 2 in the other: the root mean square is 1, sqrt(2.5) or 2, as 1 : 2 : 1.
    case = np.repeat([0, 1], n // 2)
    answers = {("removal", 1, np.nan): (full + 1 + case)[None]}
    found = responses.Responses(np.ones(1), full[None], full[None], answers, case, *NOTHING)
    (row,) = shells.table(found, responses.Plan(("removal",), (1,)))
    assert row["rms_change_error"] == pytest.approx(np.std([1, np.sqrt(2.5), np.sqrt(2.5), 2]), rel=0.15)


def test_marked_particles_are_spread_over_configurations(case):
    chosen = responses.choose([case, case], 11, seed=1)
    assert [len(particles) for particles in chosen] == [6, 5]
    for particles in chosen:
        assert (case.graph.types[particles] == 0).all()
        assert len(np.unique(particles)) == len(particles)
    assert len(responses.choose([case], 10_000, 1)[0]) == (case.graph.types == 0).sum()


def test_times_are_matched():
    values = np.array([[1.0], [2.0], [3.0]])
    found = configurations.at_times(np.array([2.0, np.nan, 7.0]), np.array([0.1, 2.0001, np.nan]), values)
    np.testing.assert_array_equal(found[:, 0], [2.0, 3.0, np.nan])


@pytest.fixture
def files(tmp_path, trained):
    positions, types, box = configuration()
    arrays = {"positions": positions, "types": types, "box": box}
    store.write(tmp_path / "sample.h5", "sample", arrays, {"temperature": 0.7})
    single = Bapst2020(outputs=1)
    settings = {"model": "bapst2020", "cutoff": 1.5}
    model = Trained(single, settings, np.array([0.1]), np.zeros(1), np.ones(1))
    checkpoint.save(tmp_path / "one.pt", model)
    checkpoint.save(tmp_path / "two.pt", trained)
    measured = {"types": types, "time": np.array([0.1]), "propensity": np.random.default_rng(0).random((1, 343))}
    store.write(tmp_path / "propensity.h5", "propensity", measured, {})
    return tmp_path


def command_line(folder, *arguments):
    command = [sys.executable, "-m", "analysis.shells", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_file_to_file(files):
    everything = ["--kind", "removal", "gap", "gradient", "--shells", 1, 2, "--delta", 0.01, 0.05, "--particles", 6]
    done = command_line(
        files, files / "one.pt", files / "sample.h5", files / "out.csv", *everything, "--truth",
        files / "propensity.h5", "--responses", files / "answers.h5",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["shell 1: 6 marked particles", "shell 2: 6 marked particles"]
    with open(files / "out.csv") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == shells.COLUMNS
    assert [(row["kind"], row["shell"]) for row in rows[:3]] == [("removal", "1"), ("removal", "2"), ("gap", "1")]
    assert len(rows) == 2 + 4 + 2
    assert all(row["n_particles"] == "6" and row["time"] == "0.1" for row in rows)
    assert np.isfinite([float(row["correlation_with_truth"]) for row in rows if row["kind"] != "gradient"]).all()
    answers = store.read(files / "answers.h5", "responses")
    assert answers["changed"].shape == (len(rows), 1, 6)
    for row, changed, kind in zip(rows, answers["changed"], answers["kind"], strict=True):
        assert kind.decode() == row["kind"]
        change = changed if row["kind"] == "gradient" else changed - answers["full"]
        assert np.sqrt((change**2).mean()) == pytest.approx(float(row["rms_change"]))
    # Unit-density crystal: the bins up to L/2 hold about 6 x (4 pi / 3) (L/2)^3 pairs.
    assert answers["pairs"].sum() == pytest.approx(6 * 4 / 3 * np.pi * 3.5**3, rel=0.05)


def test_every_time_has_its_rows(files):
    done = command_line(
        files, files / "two.pt", files / "sample.h5", files / "out.csv", "--kind", "removal", "--shells", 1,
        "--particles", 3,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = (files / "out.csv").read_text().splitlines()
    assert rows[0] == ",".join(shells.COLUMNS)
    assert [row.split(",")[:2] for row in rows[1:]] == [["0.7", "0.1"], ["0.7", "1.0"]]


def test_a_truth_that_does_not_belong_is_refused(files, trained):
    wrong = {"types": np.zeros(5, np.int8), "time": np.array([0.1]), "propensity": np.ones((1, 5))}
    store.write(files / "wrong.h5", "propensity", wrong, {})
    with pytest.raises(InputError, match=r"wrong\.h5: its particles"):
        configurations.read(files / "sample.h5", trained, files / "wrong.h5")
    late = {"types": configuration()[1], "time": np.array([99.0]), "propensity": np.ones((1, 343))}
    store.write(files / "late.h5", "propensity", late, {})
    with pytest.raises(InputError, match="hold none of the network's"):
        configurations.read(files / "sample.h5", trained, files / "late.h5")


def test_positions_are_enough(files, trained, capsys):
    """Of a public file without runs or propensities too; that it is no liquid of the training is said."""
    positions, types, box = configuration()
    bare = {"positions": positions, "types": types, "box": box}
    (files / "bare.pickle").write_bytes(pickle.dumps(bare))
    (found,) = configurations.read(files / "bare.pickle", trained)
    assert np.isnan(found.truth).all()
    np.testing.assert_array_equal(found.graph.positions, positions)
    said = capsys.readouterr().err
    assert "warning: " in said
    assert "density 1: far from the liquid that the model was trained on" in said
    assert "compared with no measured propensity" in said
    with pytest.raises(InputError, match="no 'time'"):
        configurations.read(files / "sample.h5", trained, files / "bare.pickle")


@pytest.mark.physics
def test_published_network_is_a_two_hop_model(reference):
    """BOTAN configuration 1: keeping 1, 2, 3 hops correlates with the full prediction 0.772, 0.988, 0.9997."""
    from learn.import_checkpoint import read_bundle, to_network

    network = to_network(read_bundle(reference / "deepmind" / "t044_s09.ckpt")).requires_grad_(False)
    trained = Trained(network, {}, np.array([0.13]), np.zeros(1), np.ones(1))
    path = reference / "botan" / "isoconfig_N4096T0.44_1_tc07.npz"
    examined = configurations.read(path, trained)
    plan = responses.Plan(("removal",), (1, 2, 3))
    found = responses.respond(trained, examined, responses.choose(examined, 30, 0), plan)
    rows = shells.table(found, plan)
    assert [row["n_particles"] for row in rows] == [30, 30, 30]
    # 30 particles: at one hop r scatters by 0.08 from draw to draw, at two by 0.005.
    limits = [0.25, 0.015, 0.0006]
    for row, expected, limit in zip(rows, (0.772, 0.988, 0.9997), limits, strict=True):
        assert row["correlation_with_full"] == pytest.approx(expected, abs=limit)
