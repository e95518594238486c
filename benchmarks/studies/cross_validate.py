"""Cross-validate the linear model on the public BOTAN configurations, and write the pretrained one.

python -m benchmarks.studies.cross_validate FOLDER --output cross_validation.csv --pretrained ka-T0.440-public.pt

FOLDER holds `isoconfig_N4096T0.44_*.npz` (Shiba et al., J. Chem. Phys. 158, 084503 (2023)). Configurations, in the
order of their numbers, are cut into folds; every model is trained, its penalty chosen, on the other folds.
The table has one row per variant: the model, the model without one ingredient, or with another setting of it, each
with its paired difference from the model, and the standard errors of both over configurations.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from learn.models import checkpoint
from learn.models.linear import descriptors
from learn.models.linear import model as linear
from learn.models.model import Trained
from simulate.files import public, store, tables
from simulate.liquid.kob_andersen import SPECIES
from simulate.liquid.statistics import correlation, displacements, reliability, standard_error
from simulate.stage import command, options
from simulate.stage.command import InputError

COLUMNS = ("variant", "species", "pcc_mean", "pcc_mean_error", "pcc_all", "difference", "difference_error")
# With eight, 195 densities would be 1755 inputs.
DENSITY_GENERATIONS = 4


@dataclass
class Described:
    """A public configuration with its descriptors (N, S), propensity (M, N), thermal and inherent positions (N, 3)."""

    positions: np.ndarray
    types: np.ndarray
    box: np.ndarray
    inherent_positions: np.ndarray
    values: np.ndarray
    propensity: np.ndarray
    reliability: dict[str, float]


def files(folder: Path) -> list[Path]:
    """Return the public configurations of a folder by their numbers. Raises InputError where there are none."""
    found = sorted(folder.glob("isoconfig_*.npz"), key=lambda path: [int(n) for n in re.findall(r"\d+", path.name)])
    if not found:
        raise InputError(f"{folder}: holds no isoconfig_*.npz, expected the public BOTAN configurations")
    return found


def described(path: Path, time: float, cache: Path | None) -> Described:
    """Read, minimise and describe one configuration; inherent positions are kept in `cache` where given."""
    from simulate.liquid.minimisation import inherent_structure

    ensemble = public.ensemble(path, [time])
    start = ensemble.start
    kept = None if cache is None else cache / f"{path.stem}.inherent.h5"
    if kept is not None and kept.is_file():
        place = store.read(kept, "inherent", ("inherent_positions",))["inherent_positions"]
    else:
        found = inherent_structure(start)
        place = found.positions
        if kept is not None:
            arrays = {"positions": start.positions, "types": start.types, "box": start.box}
            arrays |= {"inherent_positions": place, "inherent_energy": found.energies}
            store.write(kept, "inherent", arrays, {"temperature": start.temperature})
    moved = displacements(start.positions, np.asarray(ensemble.targets)[0])
    values = linear.describe(start.positions, start.types, start.box, place)
    reliable = {name: reliability(moved[:, start.types == of]) for name, of in SPECIES.items()}
    return Described(start.positions, start.types, start.box, place, values, moved.mean(axis=0)[None], reliable)


def level(one: Described) -> float:
    """Return the mean inherent energy per particle."""
    return float(one.values[:, [linear.NAMES.index(f"energy with {name}") for name in "AB"]].sum(axis=1).mean())


def statistics(one: Described, features: np.ndarray, species: int) -> linear.Statistics:
    """Return what ridge regression needs of one configuration's `features` (N, K) and species."""
    return linear.statistics(features, one.propensity, one.types == species, level(one))


def validate(samples: Sequence[Described], features: Sequence[np.ndarray], species: int, folds: int) -> dict:
    """Return `each`, Pearson's correlation of every configuration when held out, and `pcc_all`, pooled."""
    parts = [statistics(one, x, species) for one, x in zip(samples, features, strict=True)]
    held = [list(part) for part in np.array_split(np.arange(len(samples)), folds)]
    each, predicted, measured = np.zeros(len(samples)), [], []
    for fold in held:
        training = [part for index, part in enumerate(parts) if index not in fold]
        weights, _ = linear.ridge(training)
        intercept, slope = linear.levels(training)
        for index in fold:
            chosen = samples[index].types == species
            x = features[index][chosen] @ weights[:, 0] + intercept[0] + slope[0] * parts[index].level
            y = samples[index].propensity[0, chosen]
            each[index] = correlation(x, y)
            predicted.append(x)
            measured.append(y)
    return {"each": each, "pcc_all": correlation(np.concatenate(predicted), np.concatenate(measured))}


def variants(samples: Sequence[Described]) -> Iterable[tuple[str, list[np.ndarray]]]:
    """Yield the model (first) and its variants: a name, and the features of every configuration."""
    whole = list(linear.NAMES)

    def features(names: Sequence[str], generations: int = linear.GENERATIONS) -> list[np.ndarray]:
        columns = [linear.NAMES.index(name) for name in names]
        return [
            linear.shells(one.values[:, columns], one.types, one.box, one.inherent_positions, generations)
            for one in samples
        ]

    yield "model", features(whole)
    for group, names in linear.GROUPS.items():
        yield f"without {group}", features([name for name in whole if name not in names])
    yield "energy alone", features(linear.GROUPS["energy"])
    yield "energy alone, of thermal positions", [thermal_energy(one) for one in samples]
    yield "energy and species", features([*linear.GROUPS["energy"], "is B"])
    for generations in (0, 1, 2, 4, 6, 10):
        yield f"{generations} generations", features(whole, generations)
    yield "radial and bond-orientational densities", [densities(one) for one in samples]


def thermal_energy(one: Described) -> np.ndarray:
    """Return the shells of the energies with A and with B of the thermal positions."""
    columns = linear.mechanics(one.positions, one.types, one.box)
    values = np.stack([columns[name] for name in linear.GROUPS["energy"]], axis=1)
    return linear.shells(values, one.types, one.box, one.positions, linear.GENERATIONS)


def densities(one: Described) -> np.ndarray:
    """Return the shells of Boattini et al.'s descriptors of the inherent structure, and of the thermal displacement."""
    place, types, box = one.inherent_positions, one.types, one.box
    near = descriptors.neighbours(place, box, descriptors.REACH)
    moved = np.linalg.norm(descriptors.thermal_displacement(one.positions, place, box), axis=1)[:, None]
    values = np.concatenate([descriptors.radial_densities(near, types), descriptors.bond_orders(near), moved], axis=1)
    return linear.shells(values, types, box, place, DENSITY_GENERATIONS)


def table(samples: Sequence[Described], folds: int, ablation: bool) -> list[dict]:
    """Return one row per variant and species."""
    rows: list[dict] = []
    model: dict[str, np.ndarray] = {}
    for name, features in variants(samples):
        for label, species in SPECIES.items():
            found = validate(samples, features, species, folds)
            model.setdefault(label, found["each"])
            difference = found["each"] - model[label]
            rows.append(
                {
                    "variant": name,
                    "species": label,
                    "pcc_mean": found["each"].mean(),
                    "pcc_mean_error": standard_error(found["each"]),
                    "pcc_all": found["pcc_all"],
                    "difference": difference.mean(),
                    "difference_error": standard_error(difference),
                }
            )
            print("{variant}, {species}: PCC mean {pcc_mean:.4f} +- {pcc_mean_error:.4f}, ".format(**rows[-1]), end="")
            print("PCC all {pcc_all:.4f}, difference {difference:+.4f} +- {difference_error:.4f}".format(**rows[-1]))
        if not ablation:
            break
    return rows


def pretrained(samples: Sequence[Described], time: float, scores: dict) -> Trained:
    """Return the model of all configurations."""
    features = [linear.shells(s.values, s.types, s.box, s.inherent_positions, linear.GENERATIONS) for s in samples]
    parts = {
        species: [statistics(one, x, species) for one, x in zip(samples, features, strict=True)]
        for species in SPECIES.values()
    }
    model = linear.Linear(1)
    penalties = model.fit(parts)
    settings = {"model": "linear", "temperature": 0.44, "density": public.BOTAN_DENSITY, "species": "AB"}
    settings |= {"n_train": len(samples), "n_runs": 32, "generations": linear.GENERATIONS}
    settings |= {"penalty": {name: float(penalties[of][0]) for name, of in SPECIES.items()}}
    settings |= {"cross_validation": scores, "trained_on": "h3-Open-BDEC/pyg_botan, small_data/T0.44/train"}
    return Trained(model.eval(), settings, np.array([time]), np.zeros(1), np.ones(1))


def main() -> None:
    """Cross-validate by configuration on public data; write a table and, if asked, the model of all of them."""
    parser = options.Parser(prog="python -m benchmarks.studies.cross_validate", description=main.__doc__)
    parser.add_argument("folder", type=Path, help="folder of isoconfig_*.npz")
    parser.add_argument(
        "--time", type=options.positive, default=4120.0, help="time of the runs, tau (default: tau_alpha at 0.44)"
    )
    parser.add_argument("--folds", type=options.count, default=5)
    parser.add_argument("--no-ablation", action="store_true", help="the model only")
    parser.add_argument("--cache", type=Path, help="folder to keep inherent structures in")
    parser.add_argument("--output", type=Path, required=True, help="table to write (.csv)")
    parser.add_argument("--pretrained", type=Path, help="MODEL.pt of all configurations to write")
    arguments = parser.parse_args()
    paths = files(arguments.folder)
    if not 2 <= arguments.folds <= len(paths):
        raise InputError(f"--folds {arguments.folds}: expected 2 to {len(paths)}, the number of configurations")
    samples = []
    with command.progress(len(paths), "describe", "configuration") as bar:
        for path in paths:
            samples.append(described(path, arguments.time, arguments.cache))
            bar.update()
    for name in SPECIES:
        ceiling = np.mean([one.reliability[name] ** 0.5 for one in samples])
        print(f"{len(samples)} configurations, {name}: noise ceiling {ceiling:.4f}")
    rows = table(samples, arguments.folds, not arguments.no_ablation)
    tables.write(arguments.output, COLUMNS, rows, ".5f")
    if arguments.pretrained:
        scores = {row["species"]: round(float(row["pcc_mean"]), 4) for row in rows if row["variant"] == "model"}
        checkpoint.save(arguments.pretrained, pretrained(samples, arguments.time, scores))


if __name__ == "__main__":
    command.run(main)
