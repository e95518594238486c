import csv
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from learn import baselines
from learn.data import dataset, scores
from learn.models import voxels
from learn.models.linear import descriptors
from simulate.files import store
from simulate.liquid import kob_andersen
from simulate.liquid.statistics import correlation
from simulate.stage.command import InputError

TIME = np.array([1.0, 9.0])


@pytest.fixture(scope="module")
def graphs(glass, tmp_path_factory):
    """Seven configurations. Propensity: first, minus the energy averaged twice; second, neighbours at about 1.2."""
    path = tmp_path_factory.mktemp("baselines") / "graphs.h5"
    with store.create(path, "graphs", {"cutoff": 2.0, "validation": 0.15, "test": 0.2, "temperature": 0.7}) as file:
        file.attrs["temperature"] = 0.7
        file["time"] = TIME
        for number, split in enumerate(["train"] * 4 + ["validation", "test", "test"]):
            positions, types, box, place = glass(number)
            energy = kob_andersen.evaluate(place, types, box).energies[:, None]
            mean = descriptors.averages(energy, place, box, descriptors.AVERAGING_LENGTH, 2)[2, :, 0]
            near = descriptors.neighbours(place, box, descriptors.REACH)
            radial = descriptors.radial_densities(near, types)[:, 10]
            target = np.stack([1 - 0.1 * mean, 2 + radial])
            arrays = {"positions": positions, "types": types, "box": box, "inherent_positions": place}
            arrays |= {"propensity": target, "standard_error": np.full_like(target, 1e-3)}
            arrays |= {"senders": np.arange(len(types)), "receivers": np.arange(len(types)), "n_runs": 5}
            group = file.create_group(f"s{number:04d}")
            group.attrs["identity"], group.attrs["split"] = f"s{number:04d}", split
            for name, array in arrays.items():
                group[name] = array
    return path


@pytest.fixture(scope="module")
def split(graphs):
    names = ("train", "validation", "test")
    return baselines.Split(*([dataset.load(graphs, n) for n in dataset.samples(graphs, of)] for of in names))


def pcc(predicted, split, time):
    return scores.scores(predicted, split.test)[time]["pcc_mean"]


def test_the_command_writes_one_row_per_baseline_time_and_species(graphs, tmp_path):
    names = ["energy", "coordination", "ridge"]
    command = [sys.executable, "-m", "learn.baselines", graphs, "--names", *names, "--species", "A", "B"]
    command += ["--output", tmp_path / "baselines.csv", "--predictions", tmp_path / "predictions"]
    done = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "baselines.csv", newline="") as file:
        table = csv.DictReader(file)
        rows = list(table)
    assert tuple(table.fieldnames) == scores.COLUMNS
    models = {"ridge", *(f"{n}{end}" for n in names[:2] for end in ("", "_averaged"))}
    assert {(row["model"], row["time"], row["species"]) for row in rows} == {
        (model, time, species) for model in models for time in ("1", "9") for species in "AB"
    }
    assert len(rows) == len(models) * 4
    assert {(row["n_train"], row["n_test"], row["n_runs"]) for row in rows} == {("4", "2", "5")}
    found = store.opened(tmp_path / "predictions" / "ridge.h5", "predictions")
    with found as file:
        assert file["s0005/prediction"].shape == (2, 216)
        assert np.isfinite(file["s0005/prediction"][()]).all()


def test_averaged_energy_finds_its_sign_and_length(split):
    found = baselines.scalar_baseline("energy", split, 0)
    # What was planted is among the averages tried, with the opposite sign.
    assert pcc(found["energy_averaged"], split, 0) > 0.9999
    assert pcc(found["energy"], split, 0) > 0


def test_each_time_takes_the_better_positions(split):
    """First time: planted in inherent energies (see `graphs`). Second: in thermal ones, set here."""
    changed = baselines.Split(
        *([replace(sample) for sample in part] for part in (split.train, split.validation, split.test))
    )
    for sample in [*changed.train, *changed.validation, *changed.test]:
        thermal = kob_andersen.evaluate(sample.graph.positions, sample.graph.types, sample.graph.box).energies
        sample.propensity = np.stack([sample.propensity[0], -thermal])
    found = baselines.of_better_positions("energy", changed, 0)
    assert pcc(found["energy_averaged"], changed, 0) > 0.9999
    assert pcc(found["energy"], changed, 1) > 0.9999


def test_ridge_recovers_a_planted_linear_signal(split):
    found = baselines.ridge_baseline(split, 0, baselines.radial_features)["ridge"]
    # Noise-free, linear in one of 62 features, from 4 x 173 particles.
    assert pcc(found, split, 1) > 0.99
    for prediction, sample in zip(found, split.test, strict=True):
        of = sample.graph.types == 0
        assert np.abs(prediction[1, of].mean() - sample.propensity[1, of].mean()) < 0.1


def test_softness_separates_by_a_planted_structure_function(split):
    # From 2 x 70 particles in 62 dimensions; random planes reach about 0.1.
    assert pcc(baselines.softness_baseline(split, 0)["softness"], split, 1) > 0.6


def test_a_drawn_neighbour_is_where_it_is():
    box = np.full(3, 9.0)
    positions = np.array([[0.1, 0.1, 0.1], [0.1, 0.1, 8.9], [0.9, 0.1, 0.1], [4.5, 4.5, 4.5]])
    grid = voxels.draw(positions, np.array([0, 0, 1, 0]), box, np.array([0]))[0]
    middle = voxels.CELLS // 2
    mass = voxels.WIDTH**3 * (2 * np.pi) ** 1.5 / voxels.SPACING**3
    axis = (np.arange(voxels.CELLS) - middle) * voxels.SPACING
    for species, vector in ((0, [0, 0, -0.2]), (1, [0.8, 0, 0])):
        # A Gaussian sampled at 1.6 widths: its sum is within 2 % of the integral, its mean within 0.02 of the centre.
        assert grid[species].sum() == pytest.approx(mass, rel=0.02)
        for direction, expected in enumerate(vector):
            line = grid[species].sum(axis=tuple(a for a in range(3) if a != direction))
            assert (line * axis).sum() / line.sum() == pytest.approx(expected, abs=0.02)


def test_turned_grids_are_the_grids_of_turned_particles(glass):
    positions, types, box, _ = glass(0)
    centre = np.array([3])
    expected = voxels.draw(positions[:, [2, 0, 1]] * [1, -1, 1], types, box, centre)
    found = np.flip(voxels.draw(positions, types, box, centre).transpose(0, 1, 4, 2, 3), axis=3)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.physics
def test_small_particles_fluctuate_more(split):
    """The Debye-Waller factor of the smaller B particles exceeds that of A particles in this mixture."""
    sample = split.test[0]
    found = baselines.debye_waller(sample, 0.3, 0, 0)
    a, b = (found[sample.graph.types == species].mean() for species in (0, 1))
    # A solid at low temperature: well below the square of half a neighbour distance.
    assert 0 < a < b < 0.25


def test_debye_waller_needs_a_temperature(split):
    with pytest.raises(InputError, match="carries no temperature"):
        baselines.debye_waller_baseline(split, np.nan, 0)


@pytest.mark.slow
def test_the_network_on_voxels_learns_how_crowded_it_is(split):
    for sample in [*split.train, *split.validation, *split.test]:
        vectors = descriptors.neighbours(sample.inherent_positions, sample.graph.box, 1.4)
        crowd = np.bincount(vectors.centre, minlength=len(sample.graph.types)).astype(float)
        sample.propensity = np.stack([crowd, -crowd])
    found = voxels.predictions(split.train, split.validation, split.test, 0, 0)
    of = split.test[0].graph.types == 0
    assert correlation(found[0][0, of], split.test[0].propensity[0, of]) > 0.3
