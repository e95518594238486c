"""Figures: what is drawn and written is what the files hold, and the geometry behind the pictures is right."""

import csv
import itertools
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from matplotlib.image import imread

from analysis import heterogeneity as fluctuations
from analysis import response_length
from analysis.figures import (
    curve,
    graph,
    heterogeneity,
    length,
    maps,
    pearson,
    relaxation,
    response,
    scatter,
    scores,
    structure,
    style,
    training,
    transfer,
)
from analysis.liquid import propensity_field as fields
from analysis.perturbation import surroundings
from learn.data.graph import from_edges
from simulate.stage.command import InputError
from tests.analysis import figure_inputs
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of two temperatures; every test writes its figures elsewhere."""
    folder = tmp_path_factory.mktemp("inputs")
    figure_inputs.write_graphs(folder / "graphs.h5")
    figure_inputs.write_relaxation(folder / "cold.h5", 0.7, 4.5)
    figure_inputs.write_relaxation(folder / "hot.h5", 1.0, 1.25)
    networks = {
        (0.7, "bapst2020", 0): (0.8, 0.5),
        (0.7, "bapst2020", 1): (0.7, 0.6),
        (1.0, "bapst2020", 0): (0.75, 0.4),
    }
    figure_inputs.write_metrics(folder / "metrics.csv", {**networks, (0.7, "energy", 0): (0.4, 0.55)})
    points = {(0.7, f"linear{few}", 0): scores for few, scores in (("_4", (0.6, 0.3)), ("", (0.8, 0.5)))}
    figure_inputs.write_metrics(folder / "curve.csv", {**networks, **points})
    figure_inputs.write_shells(
        folder / "removal.csv", "removal", [(0.15, h, None, 1 - 0.3**h, 0.3**h) for h in (1, 2, 3)]
    )
    gaps = [(0.15, h, delta, 0.9, 0.2**h * delta) for h in (1, 2, 3) for delta in (0.01, 0.1)]
    figure_inputs.write_shells(folder / "gap.csv", "gap", gaps)
    write_lengths(folder)
    figure_inputs.write_transfer(folder / "transfer.csv")
    for name, peak, temperature in (("cold", 3.7, 0.7), ("hot", 3.3, 1.0)):
        figure_inputs.write_radial_distribution(folder / f"{name}_g.h5", peak, temperature)
    rows = "".join(f"{step},{1 / (step + 1)},{0.1 * step}\n" for step in range(8))
    (folder / "history.csv").write_text("step,loss,validation_r\n" + rows)
    return folder


def write_lengths(folder):
    """Lengths 0.5 and 0.7 of a network's two seeds, of a shuffled control, and the heterogeneity of the two samples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, reach, control, seed in (
            ("one", 0.5, None, 0),
            ("two", 0.7, None, 1),
            ("shuffled", 0.3, "shuffled", 0),
        ):
            about = {"control": control, "seed": seed, "gradient": True}
            figure_inputs.write_responses(folder / f"{name}.h5", {"removal": reach, "gradient": reach}, **about)
            words = ["x", f"{name}.h5", "--output", f"{name}.csv"]
            patch.setattr(sys, "argv", words)
            response_length.main()
        words = ["x", "graphs.h5", "fields.h5", "--predictions", "predictions.h5", "--table", "fields.csv"]
        patch.setattr(sys, "argv", words)
        fluctuations.main()


COMMANDS = {
    relaxation: ["hot.h5", "cold.h5"],
    graph: ["graphs.h5"],
    maps: ["graphs.h5", "predictions.h5"],
    scatter: ["graphs.h5", "predictions.h5"],
    pearson: ["metrics.csv", "--relaxation", "cold.h5", "hot.h5"],
    response: ["removal.csv", "gap.csv"],
    training: ["history.csv", "--labels", "T = 0.7"],
    curve: ["curve.csv"],
    length: ["one.csv", "two.csv", "shuffled.csv", "--heterogeneity", "fields.csv", "--relaxation", "cold.h5"],
    heterogeneity: ["fields.h5"],
    transfer: ["transfer.csv"],
    structure: ["cold_g.h5", "hot_g.h5"],
}


def run(module, arguments, folder, output, monkeypatch):
    """Run a figure's command; arguments that name files are looked up in `folder`."""
    words = [str(folder / word) if (folder / word).is_file() else word for word in arguments]
    monkeypatch.setattr(sys, "argv", ["figure", *words, "--output", str(output)])
    module.main()


def table(path):
    """Return the rows of a CSV file as dictionaries."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("module", COMMANDS, ids=lambda module: module.__name__.rsplit(".")[-1])
def test_a_figure_is_a_drawing_a_picture_a_table_and_a_caption(module, folder, tmp_path, monkeypatch):
    output = tmp_path / "figure.svg"
    run(module, COMMANDS[module], folder, output, monkeypatch)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".csv", ".png", ".svg", ".txt"]
    root = ElementTree.parse(output).getroot()
    # 8.6 cm are 243.8 pt: the figure fits one journal column without being shrunk.
    assert float(root.attrib["width"].removesuffix("pt")) <= 243.9
    # A drawing, not a blank sheet: many shades, and more than 1 % of the pixels are ink.
    picture = imread(output.with_suffix(".png"))[..., :3]
    assert (picture.min(axis=2) < 0.9).mean() > 0.01
    assert len(np.unique((picture * 255).astype(int) @ (65536, 256, 1))) > 50
    assert len(table(output.with_suffix(".csv"))) >= 2
    assert output.with_suffix(".txt").read_text().count(".") > 3


def test_equal_inputs_give_equal_files(folder, tmp_path, monkeypatch):
    # To the same place: the files say which command made them.
    made = []
    for _ in range(2):
        run(pearson, COMMANDS[pearson], folder, tmp_path / "figure.svg", monkeypatch)
        made.append([(tmp_path / f"figure{suffix}").read_bytes() for suffix in (".svg", ".png", ".csv", ".txt")])
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("module", "arguments", "words"),
    [
        (relaxation, ["cold.h5", "cold.h5"], "one relaxation file for each temperature"),
        (relaxation, ["graphs.h5"], "expected 'relaxation'"),
        (graph, ["graphs.h5", "--particle", "200"], "--particle: 200, expected 0 to 199"),
        (graph, ["graphs.h5", "--sample", "s0001"], "no sample 's0001'"),
        (maps, ["graphs.h5", "predictions.h5", "--sample", "s0001"], "no sample 's0001'"),
        (response, ["metrics.csv"], "no column 'kind'"),
        (structure, ["cold_g.h5", "cold_g.h5"], "one radial_distribution file for each temperature"),
        (length, ["one.csv", "--heterogeneity", "gap.csv"], "no column 'field'"),
        (training, ["history.csv", "--labels", "a", "b"], "--labels: 2 different ones for 1 files"),
        (pearson, ["history.csv"], "no column 'temperature'"),
        (pearson, ["nowhere.csv"], "no such file"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(module, arguments, words, folder, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=words.replace(".", r"\.")):
        run(module, arguments, folder, tmp_path / "figure.svg", monkeypatch)
    assert not list(tmp_path.iterdir())


def test_what_the_user_set_for_other_figures_reaches_none_of_ours(folder, tmp_path):
    """A notebook's backend, which is not installed here, and text set by LaTeX: the same bytes as without them."""
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfont.size: 30\naxes.facecolor: red\n")
    made = []
    for place, environment in ((folder, {}), (tmp_path, {"MPLBACKEND": "inline"})):
        words = ["analysis.figures.relaxation", folder / "cold.h5", "--output", tmp_path / "f.svg"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)} | environment
        subprocess.run([sys.executable, "-m", *words], cwd=place, env=environment, check=True, capture_output=True)
        made.append((tmp_path / "f.png").read_bytes())
    assert made[0] == made[1]


def test_a_figure_must_be_named_svg(folder, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"ends in \.svg"):
        run(relaxation, COMMANDS[relaxation], folder, tmp_path / "figure.pdf", monkeypatch)
    assert not list(tmp_path.iterdir())


def test_colours_of_ordered_things_darken_in_order_and_show_on_white():
    # Luminance of the sRGB colours (ITU-R BT.709): the order survives a photocopy, and the palest is not lost on paper.
    for count in range(1, 9):
        luminance = np.array(style.ordered(count))[:, :3] ** 2.2 @ (0.2126, 0.7152, 0.0722)
        assert (np.diff(luminance) > 0).all()
        assert luminance.max() < 0.65


def lattice(edge: int, fields_at: np.ndarray | None = None) -> fields.Fields:
    """A simple cubic lattice of unit spacing, particles at half-integer coordinates, all A."""
    positions = np.array(list(itertools.product(range(edge), repeat=3)), dtype=float) + 0.5
    zeros = np.zeros((1, len(positions)))
    truth = zeros if fields_at is None else fields_at
    return fields.Fields(
        "s0000",
        0.7,
        positions,
        np.zeros(len(positions), np.int8),
        np.full(3, float(edge)),
        np.ones(1),
        truth,
        zeros,
        truth,
    )


def test_shells_of_the_cubic_lattice_hold_4hh_plus_2_particles():
    """Particles h nearest-neighbour steps away on Z^3 are those with |x| + |y| + |z| = h: 4 h^2 + 2 of them."""
    cube = lattice(9)
    offset = cube.positions[:, None] - cube.positions[None]
    offset -= 9 * np.rint(offset / 9)
    senders, receivers = np.nonzero((offset**2).sum(axis=2) < 1.1)
    shells = surroundings.hops(from_edges(cube.positions, cube.types, cube.box, receivers, senders), 100)
    assert [(shells == h).sum() for h in range(5)] == [1, 6, 18, 38, 66]
    steps = np.abs(graph.around(cube, 100)).sum(axis=1)
    assert (shells == np.rint(steps)).all()


def test_particles_without_a_path_are_in_no_shell():
    ends = np.array([0, 1, 2]), np.array([1, 0, 2])
    three = from_edges(np.eye(3), np.zeros(3, np.int8), np.full(3, 9.0), ends[1], ends[0])
    assert surroundings.hops(three, 0).tolist() == [0, 1, -1]


def test_a_slice_shows_the_nearest_particle_across_the_border():
    """Against brute force over all particles and periodic images, at 200 pixels of a disordered configuration."""
    random = np.random.default_rng(3)
    configuration = lattice(4)
    configuration.positions += random.uniform(-0.4, 0.4, configuration.positions.shape) + 4 * random.integers(
        -2, 3, (64, 3)
    )
    cells = maps.nearest_particles(configuration)
    for row, column in random.integers(0, maps.RESOLUTION, (200, 2)):
        point = np.array([(column + 0.5) * 4 / maps.RESOLUTION, (row + 0.5) * 4 / maps.RESOLUTION, 2.0])
        offsets = np.abs((configuration.positions - point) % 4)
        distances = np.linalg.norm(np.minimum(offsets, 4 - offsets), axis=1)
        assert distances[cells[row, column]] == pytest.approx(distances.min(), abs=1e-9)


def test_cells_of_a_lattice_are_centred_on_its_particles():
    cube = lattice(4)
    # Off the symmetric plane, so that one layer alone is cut; one particle is moved out of the box by an edge.
    cube.positions[:, 2] += 0.3
    cube.positions[::2, 0] += 4
    centres = maps.cell_centres(cube, maps.nearest_particles(cube))
    cut = np.isclose(cube.positions[:, 2], 1.8)
    assert (np.isfinite(centres[:, 0]) == cut).all()
    # A pixel is 0.01 wide.
    np.testing.assert_allclose(centres[cut], cube.positions[cut, :2] % 4, atol=0.01)


def test_the_most_mobile_are_a_particles_only():
    truth = np.array([*range(20), 30.0])
    types = np.repeat([0, 1], [20, 1])
    assert maps.most_mobile(truth, types).tolist() == [19, 18]


def test_relaxation_writes_the_curves_coldest_first_with_tau_alpha(folder, tmp_path, monkeypatch):
    run(relaxation, COMMANDS[relaxation], folder, tmp_path / "f.svg", monkeypatch)
    rows = table(tmp_path / "f.csv")
    assert [float(rows[i]["temperature"]) for i in (0, -1)] == [0.7, 1.0]
    time, scattering = (np.array([float(row[name]) for row in rows]) for name in ("time", "F_s"))
    tau = np.array([float(row["tau_alpha"]) for row in rows])
    # Six digits are written.
    np.testing.assert_allclose(scattering, np.exp(-time / tau), rtol=1e-4)
    assert "4.5 at T = 0.7, 1.25 at T = 1 (in τ)" in (tmp_path / "f.txt").read_text()


def test_scores_are_averaged_over_seeds_and_species_are_kept_apart(folder):
    series = {(one.temperature, one.model): one for one in scores.read(folder / "metrics.csv")}
    np.testing.assert_allclose(series[0.7, "bapst2020"].pcc_mean, [0.75, 0.55])
    assert series[0.7, "bapst2020"].n_seeds == 2
    np.testing.assert_allclose(series[1.0, "bapst2020"].pcc_mean, [0.75, 0.4])
    np.testing.assert_allclose(series[0.7, "bapst2020"].ceiling_mean, [0.9, 0.8])
    other = scores.read(folder / "metrics.csv", "B")
    assert all((one.pcc_mean == 0.111).all() for one in other)


def test_baselines_are_told_from_networks_by_their_name(folder, tmp_path):
    networks = {(0.7, name, 0): (0.5, 0.4) for name in ("energy_averaged", "ridge", "mine", "energy", "linear")}
    figure_inputs.write_metrics(tmp_path / "metrics.csv", networks)
    found = scores.read(tmp_path / "metrics.csv")
    assert [one.label for one in found] == [
        "linear model", "mine", "energy", "coarse-grained energy", "ridge regression"
    ]  # fmt: skip
    assert [one.is_baseline for one in found] == [False, False, True, True, True]


def test_a_learning_curve_has_the_points_of_one_model_in_order(folder, tmp_path, monkeypatch):
    run(curve, COMMANDS[curve], folder, tmp_path / "f.svg", monkeypatch)
    found = [[row[name] for name in ("model", "n_train", "time", "pcc_mean")] for row in table(tmp_path / "f.csv")]
    assert found == [
        ["linear", "4", "0.15", "0.6"], ["linear", "4", "2", "0.3"],
        ["linear", "13", "0.15", "0.8"], ["linear", "13", "2", "0.5"],
    ]  # fmt: skip
    # Beside the ceiling stands the model, not the points of its curve.
    assert {one.model for one in scores.shown(scores.read(folder / "curve.csv"))} == {"bapst2020", "linear"}
    with pytest.raises(InputError, match="every model has one n_train"):
        run(curve, ["metrics.csv"], folder, tmp_path / "g.svg", monkeypatch)


def test_the_axes_of_lengths_start_at_zero_and_end_with_the_box(folder):
    rows = length.read([folder / "one.csv"], [folder / "fields.csv"])
    for row in rows:
        if row["kind"].startswith("susceptibility of the predicted"):
            row["value"] = 1e-5
        if row["kind"] == "removal":
            # A fit that hardly falls.
            row["value"] = 1000.0
    edges, sigma, susceptibility = length.draw(rows, {}).axes
    assert edges.get_ylim() == (0, 4)
    assert sigma.get_ylim()[0] == 0
    assert susceptibility.get_ylim()[0] < 1e-5


def test_published_scores_stand_beside_equal_temperature_and_time_only():
    assert not scores.published(0.7, np.array([0.13, 4120]))
    assert not scores.published(0.44, np.array([0.2, 300.0]))
    found = scores.published(0.44, np.array([0.131, 4100.0]))
    # The values of the benchmark's table at tau_alpha (T = 0.44, t = 4120).
    assert found["EIGNN"][1].tolist() == [0.878, 0.817]
    assert found["BOTAN"][1].tolist() == [0.949, 0.752]
    assert scores.published(0.5, np.array([217.0]))["CAGE"][1].tolist() == [0.766]


def test_response_per_delta_of_a_linear_network_is_its_gradient(folder, tmp_path, monkeypatch):
    gradient = tmp_path / "gradient.csv"
    figure_inputs.write_shells(gradient, "gradient", [(0.15, h, None, np.nan, 0.2**h) for h in (1, 2, 3)])
    files = ["removal.csv", "gap.csv", str(gradient)]
    run(response, files, folder, tmp_path / "f.svg", monkeypatch)
    rows = table(tmp_path / "f.csv")
    assert sorted(row["kind"] for row in rows) == ["gap"] * 6 + ["gradient"] * 3 + ["removal"] * 3
    for row in rows:
        expected = np.nan if row["kind"] == "removal" else 0.2 ** float(row["shell"])
        assert float(row["rms_change_per_delta"]) == pytest.approx(expected, rel=1e-5, nan_ok=True)


def test_networks_of_one_time_each_are_drawn_apart_with_their_errors(folder, tmp_path, monkeypatch):
    for name, time in (("early", 0.15), ("late", 2.0)):
        rows = [(time, h, None, 1 - time * 0.1**h, 0.1**h) for h in (1, 2)]
        figure_inputs.write_shells(tmp_path / f"{name}.csv", "removal", rows)
    rows = response.read([tmp_path / "early.csv", tmp_path / "late.csv"])
    drawn = response.draw(rows).axes[2]
    curves = {str(bar.get_label()): bar.lines[0].get_ydata().tolist() for bar in drawn.containers}
    assert curves == {"$T = 0.7,\\;t = 0.15$": [0.985, 0.9985], "$T = 0.7,\\;t = 2$": [0.8, 0.98]}
    bars = [segment[:, 1] for bar in drawn.containers for segment in bar.lines[2][0].get_segments()]
    np.testing.assert_allclose([np.ptp(bar) for bar in bars], 2 * 0.013)


def test_scatter_counts_every_particle_but_the_outermost(folder):
    configurations = [
        fields.read(folder / "graphs.h5", [folder / "predictions.h5"], name) for name in figure_inputs.SAMPLES
    ]
    time, truth, prediction = scatter.pooled(configurations)
    assert truth.shape == (2, 2 * figure_inputs.N_A)
    counted = scatter.table(time, truth, prediction)
    # One value in a thousand on either side, of twice 320 in each panel: at most four particles are left out.
    for t in time:
        inside = sum(row["n_particles"] for row in counted if row["time"] == t)
        assert 316 <= inside <= 320


def test_lengths_are_averaged_over_seeds_and_controls_stand_apart(folder, tmp_path, monkeypatch):
    run(length, COMMANDS[length], folder, tmp_path / "f.svg", monkeypatch)
    rows = [row for row in table(tmp_path / "f.csv") if row["kind"] == "removal"]
    assert sorted((row["control"], row["time"]) for row in rows) == sorted(
        (control, time) for control in ("", "shuffled") for time in ("0.15", "2")
    )
    for row in rows:
        seeds = row["control"] == ""
        assert float(row["value"]) == pytest.approx(0.6 if seeds else 0.3)
        # All particles answer alike, so that only the seeds differ: 0.2 / sqrt(2) / sqrt(2).
        assert float(row["error"]) == pytest.approx(0.1 if seeds else 0, abs=1e-9)
        assert row["box_limit"] == "4"
    kinds = {row["kind"] for row in table(tmp_path / "f.csv")}
    assert {"sensitivity", "susceptibility of the true propensity"} <= kinds


def test_transfer_matrix_stands_in_order():
    columns = {name: [] for name in transfer.COLUMNS}
    for of in ((1.0, 2.0), (0.7, 2.0), (0.7, 0.1)):
        for to in ((0.7, 2.0), (0.7, 0.1), (1.0, 2.0)):
            row = dict.fromkeys(columns, 0.0) | {"trained_temperature": of[0], "trained_time": of[1]}
            row |= {"temperature": to[0], "time": to[1], "pcc_mean": 10 * of[0] + to[1], "ceiling_mean": to[0]}
            for name, value in row.items():
                columns[name].append(value)
    down, across, scores_, ceilings = transfer.matrix({name: np.array(of) for name, of in columns.items()})
    assert down == across == [(0.7, 0.1), (0.7, 2.0), (1.0, 2.0)]
    np.testing.assert_allclose(scores_, [[7.1, 9, 9], [7.1, 9, 9], [10.1, 12, 12]])
    np.testing.assert_allclose(ceilings, [0.7, 0.7, 1.0])
