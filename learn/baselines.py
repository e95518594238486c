"""What simple means predict: `python -m learn.baselines graphs.h5 --names energy ridge ... --output baselines.csv`.

Every baseline but one is static: it sees the configuration and its inherent structure where the file has one, nothing
of the dynamics. Signs, averaging lengths, penalties and weights come from the training and validation configurations;
so does, at each time, whether descriptors are those of thermal or of inherent positions (the cnn sees inherent ones
where there are any). Test configurations are only scored.

energy, density, coordination: of the particle itself, and (`..._averaged`) over so many generations of neighbours as
    correlate best on the training configurations.
ridge: linear in averaged radial and bond-orientational densities. Boattini et al., PRL 127, 088007 (2021).
softness: signed distance from the plane that separates mobile from immobile. Schoenholz et al., Nat. Phys. 2016.
cnn: a small three-dimensional convolutional network on the voxelised neighbourhood.
debye_waller: NOT static: the fluctuations of each particle in short runs from the test configuration.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from learn.data import dataset, scores
from learn.data.dataset import Sample
from learn.models.linear import descriptors
from learn.models.linear.ridge import solve, statistics
from simulate.liquid import kob_andersen
from simulate.liquid.kob_andersen import SPECIES
from simulate.liquid.statistics import correlation
from simulate.stage import command, options, seeds
from simulate.stage.command import InputError

GENERATIONS = 6
RIDGE_GENERATIONS = 3
PENALTIES = 10.0 ** np.arange(-1, 7)
# Softness is learned from the most and the least mobile tenth of the particles.
SOFTNESS_SHARE = 0.1
SOFTNESS_PENALTIES = 10.0 ** np.arange(-4, 1)
# Length and number of the Debye-Waller runs, tau.
CAGE_TIME = 5.0
CAGE_RUNS = 4
CAGE_STEP = 0.005


@dataclass
class Split:
    """The samples of graphs.h5 by split."""

    train: list[Sample]
    validation: list[Sample]
    test: list[Sample]


def scalar(name: str, sample: Sample) -> np.ndarray:
    """Return a one-number description of each particle (N,): energy, density or coordination."""
    place, types, box = sample.quenched_positions, sample.graph.types, sample.graph.box
    if name == "energy":
        return kob_andersen.evaluate(place, types, box).energies
    if name == "density":
        return descriptors.local_density(place, box)
    return descriptors.coordination(place, box)


def scalar_baseline(name: str, split: Split, species: int) -> dict[str, list[np.ndarray]]:
    """Return the predictions of a scalar and of its averages; the sign and number of generations of each time are
    those that correlate best, on average, on the training configurations."""
    curves = {id(s): _averages(scalar(name, s), s) for s in [*split.train, *split.test]}
    r = np.mean([_correlations(curves[id(sample)], sample, species) for sample in split.train], axis=0)
    generation = np.abs(r).argmax(axis=1)
    sign, sign_averaged = np.sign(r[:, 0]), np.sign(np.take_along_axis(r, generation[:, None], axis=1))
    return {
        name: [np.outer(sign, curves[id(sample)][0]) for sample in split.test],
        f"{name}_averaged": [sign_averaged * curves[id(sample)][generation] for sample in split.test],
    }


def _averages(values: np.ndarray, sample: Sample) -> np.ndarray:
    box, length = sample.graph.box, descriptors.AVERAGING_LENGTH
    return descriptors.averages(values[:, None], sample.quenched_positions, box, length, GENERATIONS)[:, :, 0]


def _correlations(curves: np.ndarray, sample: Sample, species: int) -> np.ndarray:
    """Return how curves (G, N) correlate with the propensity at each time, (M, G)."""
    chosen = sample.graph.types == species
    return np.array([[correlation(x[chosen], y[chosen]) for x in curves] for y in sample.propensity])


def ridge_features(sample: Sample) -> np.ndarray:
    """Return radial and bond-orientational densities, the thermal-to-inherent distance, and their averages (N, K)."""
    place, types, box = sample.quenched_positions, sample.graph.types, sample.graph.box
    near = descriptors.neighbours(place, box, descriptors.REACH)
    columns = [descriptors.radial_densities(near, types), descriptors.bond_orders(near)]
    if sample.inherent_positions is not None:
        moved = descriptors.thermal_displacement(sample.graph.positions, sample.inherent_positions, box)
        columns.append(np.linalg.norm(moved, axis=1)[:, None])
    values = np.concatenate(columns, axis=1)
    every = descriptors.averages(values, place, box, descriptors.AVERAGING_LENGTH, RIDGE_GENERATIONS)
    return np.concatenate(list(every), axis=1)


def ridge_baseline(split: Split, species: int, features: Callable = ridge_features) -> dict[str, list[np.ndarray]]:
    """Return the predictions of ridge regression; the penalty of each time does best on validation."""
    x, y = _table(split.train, species, features)
    mean, offset = x.mean(axis=0), y.mean(axis=0)
    # (penalties, K, M)
    weights = solve([statistics(x - mean, y.T, np.ones(len(x), dtype=bool), 0.0)], PENALTIES)
    r = []
    for sample in split.validation:
        v, w = _table([sample], species, features)
        found = (v - mean) @ weights
        r.append([[correlation(p, t) for p, t in zip(each.T, w.T, strict=True)] for each in found])
    best = np.mean(r, axis=0).argmax(axis=0)
    chosen = np.stack([weights[b, :, time] for time, b in enumerate(best)], axis=1)
    return {"ridge": [((features(sample) - mean) @ chosen + offset).T for sample in split.test]}


def _table(samples: Sequence[Sample], species: int, features: Callable) -> tuple[np.ndarray, np.ndarray]:
    """Return features (C, K) and propensities (C, M) of all particles of a species."""
    rows, targets = [], []
    for sample in samples:
        chosen = sample.graph.types == species
        rows.append(features(sample)[chosen])
        targets.append(sample.propensity[:, chosen].T)
    return np.concatenate(rows), np.concatenate(targets)


def radial_features(sample: Sample) -> np.ndarray:
    """Return radial structure functions (N, K)."""
    near = descriptors.neighbours(sample.quenched_positions, sample.graph.box, descriptors.REACH)
    return descriptors.radial_densities(near, sample.graph.types)


def softness_baseline(split: Split, species: int) -> dict[str, list[np.ndarray]]:
    """Return softness, one plane per time; its penalty does best on validation."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    x, y = _table(split.train, species, radial_features)
    mean, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
    x = (x - mean) / scale
    validation = [(sample, *_table([sample], species, radial_features)) for sample in split.validation]
    tests = [(radial_features(sample) - mean) / scale for sample in split.test]
    planes = []
    for time, target in enumerate(y.T):
        low, high = np.quantile(target, (SOFTNESS_SHARE, 1 - SOFTNESS_SHARE))
        extreme = (target <= low) | (target >= high)
        fitted = []
        for penalty in SOFTNESS_PENALTIES:
            machine = LinearSVC(C=penalty, dual=False)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                machine.fit(x[extreme], target[extreme] >= high)
            r = [correlation(((v - mean) / scale) @ machine.coef_[0], w[:, time]) for _, v, w in validation]
            fitted.append((np.mean(r), machine.coef_[0]))
        planes.append(max(fitted, key=lambda pair: pair[0])[1])
    return {"softness": [(test @ np.stack(planes, axis=1)).T for test in tests]}


def cnn_baseline(split: Split, species: int, seed: int) -> dict[str, list[np.ndarray]]:
    """Return the predictions of the convolutional network."""
    from learn.models import voxels

    return {"cnn": voxels.predictions(split.train, split.validation, split.test, species, seed)}


def debye_waller(sample: Sample, temperature: float, seed: int, number: int) -> np.ndarray:
    """Return the mean-squared fluctuation (N,) of each particle about its mean position in short runs. Not static."""
    from simulate.liquid import dynamics, platform
    from simulate.liquid.dynamics import Dynamics, Engine

    types, box = sample.graph.types, sample.graph.box
    engine = Engine(types, box, Dynamics("nve", temperature, CAGE_STEP), platform.choose(), 10**9)
    total = np.zeros(len(types))
    for run in range(CAGE_RUNS):
        stream = seeds.generator(seed, "debye_waller", temperature, number, run)
        velocities = dynamics.maxwell_boltzmann(len(types), temperature, stream)
        engine.start(sample.graph.positions, velocities, 1)
        frames = []
        for step in range(100, round(CAGE_TIME / CAGE_STEP) + 1, 20):
            engine.advance(step)
            frames.append(engine.positions())
        total += np.var(frames, axis=0).sum(axis=1)
    return total / CAGE_RUNS


def debye_waller_baseline(split: Split, temperature: float, seed: int) -> dict[str, list[np.ndarray]]:
    """Return the Debye-Waller factors of the test configurations, the same for every time. Not static."""
    if not np.isfinite(temperature):
        raise InputError("debye_waller: graphs.h5 carries no temperature to run at; leave this baseline out")
    found = [debye_waller(sample, temperature, seed, number) for number, sample in enumerate(split.test)]
    return {
        "debye_waller (short run)": [
            np.tile(values, (len(sample.time), 1)) for values, sample in zip(found, split.test, strict=True)
        ]
    }


NAMES = ("energy", "density", "coordination", "ridge", "softness", "cnn", "debye_waller")


def of_better_positions(name: str, split: Split, species: int) -> dict[str, list[np.ndarray]]:
    """Return a descriptor baseline of inherent or thermal positions, at each time what does better on validation."""
    every = [*split.train, *split.validation, *split.test]
    stages = [split]
    if all(sample.inherent_positions is not None for sample in every):
        parts = (split.train, split.validation, split.test)
        stages.append(Split(*([replace(sample, inherent_positions=None) for sample in part] for part in parts)))
    tried = [_baseline(name, replace(stage, test=[*stage.validation, *stage.test]), species) for stage in stages]
    count = len(split.validation)
    chosen = {}
    for model in tried[0]:
        of_validation = [scores.scores(found[model][:count], split.validation, "AB"[species]) for found in tried]
        best = np.argmax([[row["pcc_mean"] for row in rows] for rows in of_validation], axis=0)
        of_test = [found[model][count:] for found in tried]
        chosen[model] = [
            np.stack([of_test[b][number][time] for time, b in enumerate(best)]) for number in range(len(split.test))
        ]
    return chosen


def _baseline(name: str, split: Split, species: int) -> dict[str, list[np.ndarray]]:
    if name == "ridge":
        return ridge_baseline(split, species)
    if name == "softness":
        return softness_baseline(split, species)
    return scalar_baseline(name, split, species)


def predictions(
    names: Sequence[str], split: Split, species: int, temperature: float, seed: int
) -> dict[str, list[np.ndarray]]:
    """Return, by baseline, the prediction (M, N) of every test sample; meant for particles of one species."""
    found: dict[str, list[np.ndarray]] = {}
    with command.progress(len(names), "baselines", "baseline") as bar:
        for name in names:
            if name == "cnn":
                found |= cnn_baseline(split, species, seed)
            elif name == "debye_waller":
                found |= debye_waller_baseline(split, temperature, seed)
            else:
                found |= of_better_positions(name, split, species)
            bar.update()
    return found


def main() -> None:
    """Score what simple means predict for the test configurations of graphs.h5."""
    parser = options.Parser(prog="python -m learn.baselines", description=main.__doc__)
    parser.add_argument("graphs", type=Path, help="graphs.h5")
    parser.add_argument("--names", nargs="+", choices=NAMES, default=["energy", "density", "coordination", "ridge"])
    parser.add_argument("--species", nargs="+", choices=SPECIES, default=["A"])
    parser.add_argument("--source", default="simulated", help="first column of the table")
    parser.add_argument("--seed", type=options.natural, default=0)
    parser.add_argument("--output", type=Path, required=True, help="table of scores to write (.csv)")
    parser.add_argument("--predictions", type=Path, help="folder for one predictions.h5 per baseline")
    arguments = parser.parse_args()
    dataset.check_separate(arguments.graphs)
    split = Split(
        *(
            [dataset.load(arguments.graphs, name) for name in dataset.samples(arguments.graphs, of)]
            for of in ("train", "validation", "test")
        )
    )
    shared = scores.shared_columns(arguments.graphs, split.test) | {
        "source": arguments.source,
        "seed": arguments.seed,
    }
    rows: list[dict] = []
    merged: dict[str, dict[str, np.ndarray]] = {}
    for species in arguments.species:
        number = SPECIES[species]
        found = predictions(arguments.names, split, number, shared["temperature"], arguments.seed)
        for name, predicted in found.items():
            rows += [shared | {"model": name} | row for row in scores.scores(predicted, split.test, species)]
            for sample, prediction in zip(split.test, predicted, strict=True):
                whole = merged.setdefault(name, {}).setdefault(sample.name, np.full(prediction.shape, np.nan))
                whole[:, sample.graph.types == number] = prediction[:, sample.graph.types == number]
    if arguments.predictions:
        for name, by_sample in merged.items():
            path = arguments.predictions / f"{name.split()[0]}.h5"
            scores.write_predictions(path, split.test[0].time, by_sample, {"model": name}, arguments.seed)
    scores.table(arguments.output, rows)
    for row in rows:
        print(f"{row['model']}, t = {row['time']:g}, {row['species']}: PCC mean {row['pcc_mean']:.3f}")


if __name__ == "__main__":
    command.run(main)
