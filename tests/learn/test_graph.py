import json

import h5py
import numpy as np
import pytest

from learn.data import dataset
from learn.data.graph import build
from learn.graph import collect, read_sample
from simulate.files import store
from simulate.stage.command import InputError

# Eight particles in a box that is no cube: edges 5, 6, 7. Every pair closer than 2 and its vector is written by hand.
BOX = np.array([5.0, 6.0, 7.0])
POSITIONS = np.array(
    [
        [0.5, 0.5, 0.5],
        [4.5, 0.5, 0.5],  # 1 from particle 0 through the wall x
        [0.5, 2.5, 0.5],  # exactly 2 from particle 0: no edge
        [0.5, 0.5, 6.0],  # 1.5 from particle 0 through the wall z
        [2.5, 3.5, 3.5],  # alone: its self-edge only
        [-4.5, 2.0, 0.5],  # unwrapped, lies at (0.5, 2, 0.5): 1.5 from 0 and 0.5 from 2
        [0.5, 5.0, -6.5],  # unwrapped, lies at (0.5, 5, 0.5): 1.5 from 0 through the wall y
        [2.5, 3.5, 5.5],  # 2 from particle 4 to within single precision: no edge
    ]
)
POSITIONS[7, 2] -= 1e-9
PAIRS = {
    (0, 1): (-1.0, 0.0, 0.0),
    (0, 3): (0.0, 0.0, -1.5),
    (0, 5): (0.0, 1.5, 0.0),
    (0, 6): (0.0, -1.5, 0.0),
    (1, 3): (1.0, 0.0, -1.5),
    (1, 5): (1.0, 1.5, 0.0),
    (1, 6): (1.0, -1.5, 0.0),
    (2, 5): (0.0, -0.5, 0.0),
}
TYPES = np.array([0, 0, 1, 0, 0, 1, 0, 0])


def test_every_edge_of_a_box_that_is_no_cube():
    graph = build(POSITIONS, TYPES, BOX)
    expected = {(i, i): (0.0, 0.0, 0.0) for i in range(8)} | PAIRS
    expected |= {(j, i): tuple(-np.array(vector)) for (i, j), vector in PAIRS.items()}
    found = dict(zip(zip(graph.senders.tolist(), graph.receivers.tolist(), strict=True), graph.vectors, strict=True))
    assert found.keys() == expected.keys()
    for edge, vector in expected.items():
        np.testing.assert_allclose(found[edge], vector, atol=1e-6)


def test_edges_are_sorted_by_receiver_then_sender(structure):
    graph = build(*structure(0))
    order = np.lexsort((graph.senders, graph.receivers))
    np.testing.assert_array_equal(order, np.arange(len(order)))


def test_a_translation_and_whole_box_edges_change_nothing(structure):
    positions, types, box = structure(1)
    random = np.random.default_rng(0)
    moved = positions + random.normal(size=3) + box * random.integers(-3, 4, positions.shape)
    graph, other = build(positions, types, box), build(moved, types, box)
    np.testing.assert_array_equal(graph.senders, other.senders)
    np.testing.assert_array_equal(graph.receivers, other.receivers)
    np.testing.assert_allclose(graph.vectors, other.vectors, atol=2e-6)


def test_a_box_below_two_cutoffs_is_refused():
    with pytest.raises(InputError, match="two cutoffs"):
        build(POSITIONS, TYPES, np.array([3.9, 6.0, 7.0]))


def test_samples_come_back_as_they_were(graphs, sample_folders, structure):
    assert dataset.samples(graphs, "train") == ["s0001", "s0003", "s0004"]
    assert dataset.samples(graphs, "validation") == ["s0002"]
    assert dataset.samples(graphs, "test") == ["s0000", "s0005"]
    for number, folder in enumerate(sample_folders):
        sample, built = dataset.load(graphs, folder.name), build(*structure(number))
        np.testing.assert_array_equal(sample.graph.senders, built.senders)
        np.testing.assert_array_equal(sample.graph.receivers, built.receivers)
        np.testing.assert_array_equal(sample.graph.vectors, built.vectors)
        with h5py.File(folder / "propensity.h5") as file:
            np.testing.assert_array_equal(sample.propensity, file["propensity"])
        assert sample.n_runs == 7
    assert dataset.settings(graphs)["temperature"] == 0.7


def test_times_are_looked_up(graphs):
    sample = dataset.load(graphs, "s0000")
    second = sample.at(np.array([4.0]))
    np.testing.assert_array_equal(second.propensity, sample.propensity[1:])
    with pytest.raises(InputError, match="no time 3"):
        sample.at(np.array([3.0]))


def test_copies_in_two_splits_are_found(sample_folders, structure, write_sample, tmp_path):
    """The content decides, not the name: s0000 (test) is written again, wrapped differently, as s0001 (train)."""
    positions, _, box = structure(0)
    write_sample(tmp_path / "s0001", 0, positions=positions + box * [1, -2, 0])
    names, path = ["s0000", "s0001", "s0002"], tmp_path / "graphs.h5"
    with pytest.raises(InputError, match=r"s0001: has the positions of .*s0000"):
        collect([sample_folders[0], tmp_path / "s0001", sample_folders[2]], names, path, 2.0, 0.15, 0.2)
    collect(sample_folders[:3], names, path, 2.0, 0.15, 0.2)
    with h5py.File(path, "a") as file:
        for name in ("positions", "types"):
            file["s0001"][name][...] = file["s0000"][name][()]
    with pytest.raises(InputError, match="same configuration"):
        dataset.check_separate(path)


def chosen_by_scattering(folder, write_sample, times, values=(0.9, 0.5)):
    """Write three samples of `times` (3, 2) each; `values` are the F_s by which they were chosen."""
    folders = [write_sample(folder / f"s{number:04d}", number) for number in range(3)]
    for source, time in zip(folders, times, strict=True):
        with h5py.File(source / "propensity.h5", "r+") as file:
            file["time"][...] = time
            settings = json.loads(file.attrs["settings"]) | ({"is_values": values} if values else {})
            file.attrs["settings"] = json.dumps(settings)
    return folders


def test_times_chosen_by_scattering_may_differ_and_are_averaged(write_sample, tmp_path):
    times = [(0.5, 4.0), (0.6, 5.0), (0.7, 6.0)]
    folders = chosen_by_scattering(tmp_path, write_sample, times)
    collect(folders, [folder.name for folder in folders], tmp_path / "graphs.h5", 2.0, 0.15, 0.2)
    np.testing.assert_allclose(dataset.times(tmp_path / "graphs.h5"), [0.6, 5.0])
    for folder in folders:
        sample = dataset.load(tmp_path / "graphs.h5", folder.name).at(np.array([5.0]))
        with h5py.File(folder / "propensity.h5") as file:
            np.testing.assert_array_equal(sample.propensity, file["propensity"][1:])


@pytest.mark.parametrize(("times", "values"), [((0.5, 8.1), (0.9, 0.5)), ((0.6, 4.0), None)])
def test_times_beyond_reason_or_without_reason_are_refused(write_sample, tmp_path, times, values):
    folders = chosen_by_scattering(tmp_path, write_sample, [(0.5, 4.0), times, (0.5, 4.0)], values)
    with pytest.raises(InputError, match=r"s0001: times .* differ from those of the first sample"):
        collect(folders, [folder.name for folder in folders], tmp_path / "graphs.h5", 2.0, 0.15, 0.2)
    assert not (tmp_path / "graphs.h5").exists()


def test_an_inherent_structure_of_another_sample_is_refused(write_sample, structure, tmp_path):
    folder = write_sample(tmp_path / "s0000", 0)
    arrays = dict(zip(("positions", "types", "box"), structure(0), strict=True))
    for number in (0, 1):
        arrays |= {"positions": structure(number)[0], "inherent_positions": structure(number)[0]}
        store.write(folder / "inherent.h5", "inherent", arrays, {})
        if number == 0:
            assert "inherent_positions" in read_sample(folder)
    with pytest.raises(InputError, match=r"inherent\.h5: of other positions than sample\.h5"):
        read_sample(folder)


def test_nothing_is_written_for_bad_samples(sample_folders, tmp_path):
    output = tmp_path / "graphs.h5"
    with pytest.raises(InputError, match="no test configurations"):
        collect(sample_folders[1:4], ["s0001", "s0002", "s0003"], output, 2.0, 0.15, 0.2)
    with pytest.raises(InputError, match="given twice"):
        collect([sample_folders[0]] * 2, ["s0000", "s0001"], output, 2.0, 0.15, 0.2)
    with pytest.raises(InputError, match=r"sample\.h5: no such file"):
        collect([*sample_folders[:3], tmp_path / "s0003"], [f"s000{k}" for k in range(4)], output, 2.0, 0.15, 0.2)
    assert not list(tmp_path.iterdir())
