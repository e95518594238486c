import subprocess
import sys

import h5py
import numpy as np
import pytest

from benchmarks.studies import cross_validate
from learn import predict
from learn.data import dataset
from learn.models import checkpoint
from learn.models.linear import model as linear
from learn.models.model import Task
from simulate.files import formats as configuration
from simulate.files import public, store
from simulate.liquid import kob_andersen
from simulate.liquid.statistics import correlation
from simulate.stage.command import InputError

TIME = np.array([1.0, 9.0])


def described(glass, number):
    positions, types, box, place = glass(number)
    return linear.describe(positions, types, box, place), types, box, place


@pytest.fixture(scope="module")
def graphs(glass, tmp_path_factory):
    """graphs.h5 of five training, one validation, one test configuration; propensity linear in averaged energies."""
    path = tmp_path_factory.mktemp("inherent") / "graphs.h5"
    splits = ["train"] * 5 + ["validation", "test"]
    with store.create(path, "graphs", {"cutoff": 2.0, "validation": 0.15, "test": 0.2, "temperature": 0.7}) as file:
        file.attrs["temperature"] = 0.7
        file["time"] = TIME
        for number, split in enumerate(splits):
            positions, types, box, place = glass(number)
            energies = kob_andersen.evaluate(place, types, box).energies
            mean = linear.descriptors.averages(energies[:, None], place, box, linear.AVERAGING_LENGTH, 2)[2, :, 0]
            group = file.create_group(f"s{number:04d}")
            group.attrs["identity"], group.attrs["split"] = f"s{number:04d}", split
            arrays = {"positions": positions, "types": types, "box": box, "inherent_positions": place}
            target = np.stack([2 + 0.1 * mean, 3 - 0.05 * mean + 0.2 * types])
            arrays |= {"propensity": target, "standard_error": np.full_like(target, 1e-3)}
            arrays |= {"senders": np.arange(len(types)), "receivers": np.arange(len(types))}
            for name, array in arrays.items():
                group[name] = array
    return path


@pytest.fixture(scope="module")
def model(graphs, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.pt"
    command = [sys.executable, "-m", "learn.train", graphs, "--model", "linear", "--output", path]
    done = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return path


def test_energies_are_those_of_the_potential(glass):
    values, types, box, place = described(glass, 0)
    found = values[:, [linear.NAMES.index(f"energy with {name}") for name in "AB"]].sum(axis=1)
    whole = kob_andersen.evaluate(place, types, box)
    np.testing.assert_allclose(found, whole.energies, rtol=1e-12)
    virial = values[:, [linear.NAMES.index(f"virial with {name}") for name in "AB"]].sum()
    np.testing.assert_allclose(virial, whole.virial, rtol=1e-10)


@pytest.mark.parametrize("change", ["moved", "turned", "mirrored", "renumbered"])
def test_descriptors_do_not_depend_on_the_frame(glass, change):
    positions, types, box, place = glass(1)
    expected = linear.describe(positions, types, box, place)
    order = np.arange(len(types))
    if change == "moved":
        positions, place = (array + np.array([1.234, -7.7, 30.1]) for array in (positions, place))
    elif change == "turned":
        positions, place = (array[:, [1, 0, 2]] * [-1, 1, 1] for array in (positions, place))
    elif change == "mirrored":
        positions, place = (array * [1, 1, -1] for array in (positions, place))
    else:
        order = np.random.default_rng(0).permutation(len(types))
        positions, types, place = positions[order], types[order], place[order]
    found = linear.describe(positions, types, box, place)
    # Columns have units.
    difference = np.abs(found - expected[order]) / expected.std(axis=0)
    cells = np.array(["cell" in name for name in linear.NAMES])
    assert difference[:, ~cells].max() < 1e-6
    # Voronoi cells are computed in single precision, which decides about the thinnest faces.
    assert (difference[:, cells] > 5e-3).mean() < 5e-3
    assert difference[:, cells].max() < 1


def test_ridge_recovers_a_planted_signal():
    random = np.random.default_rng(0)
    planted = np.stack([random.normal(size=6), random.normal(size=6)], axis=1)
    scale = 10.0 ** np.arange(-3, 3)
    parts = []
    for _ in range(4):
        features = random.normal(size=(400, 6)) * scale
        features -= features.mean(axis=0)
        target = ((features / scale) @ planted).T + 0.1 * random.normal(size=(2, 400))
        parts.append(linear.statistics(features, target, np.ones(400, dtype=bool), 0.0))
    weights, _ = linear.ridge(parts)
    # 1600 samples with noise 0.1: weights are uncertain by 0.1 / 40; four standard errors.
    np.testing.assert_allclose(weights * scale[:, None], planted, atol=0.01)
    direct = [correlation(features @ weights[:, time], target[time]) for time in (0, 1)]
    np.testing.assert_allclose(linear.scores(parts[-1], weights), direct, rtol=1e-6)


def test_ridge_ignores_noise_it_cannot_learn_from():
    random = np.random.default_rng(1)
    parts = []
    for _ in range(6):
        features = random.normal(size=(40, 30))
        features -= features.mean(axis=0)
        parts.append(linear.statistics(features, random.normal(size=(1, 40)), np.ones(40, dtype=bool), 0.0))
    unpenalised = linear.solve(parts, np.array([1e-6]))[0]
    weights, penalty = linear.ridge(parts)
    assert penalty[0] > linear.PENALTIES[0]
    assert np.linalg.norm(weights) < np.linalg.norm(unpenalised)


def test_the_level_follows_the_mean_inherent_energy():
    parts = [linear.Statistics(None, None, None, np.array([4 + 3 * level]), 1, level) for level in (-2, -1, 0, 1)]
    intercept, slope = linear.levels(parts)
    np.testing.assert_allclose([intercept[0], slope[0]], [4, 3])
    assert linear.levels(parts[:3])[1] == 0


def test_training_finds_what_was_planted_for_both_species_and_all_times(graphs, model):
    trained = checkpoint.load(model)
    np.testing.assert_array_equal(trained.time, TIME)
    sample = dataset.load(graphs, dataset.samples(graphs, "test")[0])
    prediction = trained.predict(sample.configuration)
    for species in (0, 1):
        of = sample.graph.types == species
        for found, target in zip(prediction[:, of], sample.propensity[:, of], strict=True):
            # Noise-free and linear in few of 450 inputs, from 5 x 173 (A) or 5 x 43 (B) particles.
            assert correlation(found, target) > 0.95
    assert abs(prediction[0].mean() - sample.propensity[0].mean()) < 0.02


def test_a_configuration_without_inherent_structure_is_minimised(glass, model, tmp_path):
    positions, types, box, place = glass(6)
    arrays = {"positions": positions, "types": types, "box": box}
    store.write(tmp_path / "sample.h5", "sample", arrays, {"temperature": 0.7})
    command = [sys.executable, "-m", "learn.predict", model, tmp_path / "sample.h5", tmp_path / "out.h5"]
    done = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = store.read(tmp_path / "out.h5")["propensity"]
    given = checkpoint.load(model).predict(configuration.Configuration(positions, types, box, inherent_positions=place))
    # The displaced particles fall back into the same minimum, found to the minimiser's tolerance.
    assert correlation(found[0], given[0]) > 0.98


def test_nan_propensities_and_too_few_configurations_are_refused(graphs, tmp_path):
    with pytest.raises(InputError, match="at least 2"):
        linear.ridge([linear.Statistics(np.eye(2), np.ones((2, 1)), np.ones(1), np.ones(1), 3, 0.0)])
    broken = tmp_path / "graphs.h5"
    broken.write_bytes(graphs.read_bytes())
    with h5py.File(broken, "r+") as file:
        file["s0001/propensity"][0, 3] = np.nan
    with pytest.raises(InputError, match="'s0001': propensity hold NaN"):
        linear.Linear.trained(Task([broken], TIME))


def test_it_has_no_use_for_controls_and_learns_from_one_temperature(graphs):
    with pytest.raises(InputError, match="--control: this model has no use for it"):
        linear.Linear.trained(Task([graphs], TIME, control="shuffled"))
    with pytest.raises(InputError, match=r"learns from one graphs\.h5, 2 were given"):
        linear.Linear.trained(Task([graphs, graphs], TIME))


def test_cross_validation_needs_public_files(tmp_path):
    with pytest.raises(InputError, match=r"isoconfig_\*\.npz"):
        cross_validate.files(tmp_path)


@pytest.mark.physics
def test_the_pretrained_model_fits_a_public_configuration(reference):
    """In-sample: proves that file, units and features belong together, and nothing of how well it predicts."""
    path = reference / "botan" / "isoconfig_N4096T0.44_2_tc07.npz"
    trained = checkpoint.load(predict.model_path(predict.DEFAULT))
    structure = configuration.read(path)
    measured = np.linalg.norm(public.ensemble(path).targets[0].astype(float) - structure.positions, axis=-1).mean(
        axis=0
    )
    predicted = trained.predict(structure)[0]
    for species in (0, 1):
        of = structure.types == species
        assert correlation(predicted[of], measured[of]) > 0.8
        assert predicted[of].mean() == pytest.approx(measured[of].mean(), rel=0.1)
