"""Reduce the finished configurations of one temperature to a compact file, and show that they are in equilibrium.

    python -m analysis.archive results-cold/T0.640 OUT.h5 [--beside data/T0.640_*.h5]
    python -m analysis.archive data/*.h5

The first form takes every configuration whose files are all there (sample.h5, inherent.h5, isoconfigurational.h5) and
that no archive `--beside` holds, without touching anything else: what is unfinished is for the next file. The second
prints the table of `acceptance` for whatever archives are given, one row a temperature.
"""

from pathlib import Path

import numpy as np

from analysis.liquid.correlation import overlap, relax
from analysis.relaxation import read as read_runs
from learn.data import archive
from simulate.files import store
from simulate.liquid.kob_andersen import evaluate, expected_tau_alpha
from simulate.liquid.scattering import self_intermediate_scattering
from simulate.liquid.statistics import displacements, reliability, standard_error
from simulate.stage import command, options
from simulate.stage.command import InputError

FILES = ("sample.h5", "inherent.h5", "isoconfigurational.h5")
# Settings that differ from configuration to configuration.
OWN = {"sample", "configuration", "configuration_sha256"}
# Of U/N and P by the published fits.
PUBLISHED_ERRORS = (0.004, 0.02)
MADE_BY = ("platform", "commit", "versions", "seconds")


def reduce(folder: Path) -> tuple[dict, np.ndarray, dict]:
    """Return one configuration as `learn.data.archive.write` takes it, its times (M,), and its stages' settings.

    Raises InputError where files of the folder do not belong together.
    """
    sample, inherent, runs = (store.read(folder / name, Path(name).stem) for name in FILES)
    for other in (inherent, runs):
        if not np.array_equal(other["positions"], sample["positions"]):
            raise InputError(f"{folder}: inherent.h5 and isoconfigurational.h5 are not of the positions in sample.h5")
    targets = runs["trajectory_target_positions"]
    n_runs, a = targets.shape[1], sample["types"] == 0
    if n_runs < 4:
        raise InputError(f"{folder / FILES[2]}: {n_runs} runs, expected at least 4: each half has an error")
    measured = ("halves", "standard_error", "overlap", "F_s", "reliability_A", "reliability_B")
    found: dict = {name: [] for name in measured}
    for target in targets:
        moved = displacements(sample["positions"], target)
        found["halves"].append([half.mean(axis=0) for half in (moved[: n_runs // 2], moved[n_runs // 2 :])])
        found["standard_error"].append(standard_error(moved))
        found["overlap"].append(overlap(moved[:, a]))
        found["F_s"].append(self_intermediate_scattering(moved[:, a]).mean())
        found["reliability_A"].append(reliability(moved[:, a]))
        found["reliability_B"].append(reliability(moved[:, ~a]))
    found = {name: np.array(values) for name, values in found.items()}
    found["halves"] = found["halves"].swapaxes(0, 1)
    found |= {name: sample[name] for name in ("positions", "types", "box", *archive.EVIDENCE)}
    found |= {"inherent_positions": inherent["inherent_positions"], "n_runs": n_runs, "identity": folder.name}
    found["seed"] = sample.settings["seed"]
    files = {"equilibrate": sample, "inherent": inherent, "isoconfigurational": runs}
    told = {stage: {key: file.settings[key] for key in file.settings.keys() - OWN} for stage, file in files.items()}
    found["provenance"] = {stage: {key: file.provenance[key] for key in MADE_BY} for stage, file in files.items()}
    return found, runs["time"], told


def of_the_set(folder: Path) -> dict[str, np.ndarray]:
    """Return `learn.data.archive.RELAXATION` of a temperature's folder: its relaxation runs, whole and by halves."""
    whole = store.read(folder / "relaxation.h5", "relaxation")
    time, runs, _ = read_runs(sorted(folder.glob("samples/*/relaxation_run.h5")))
    middle = len(time) // 2
    halves = [relax(time[part], [run[part] for run in runs]) for part in (np.s_[: middle + 1], np.s_[middle:])]
    found = {key: whole[key] for key in archive.RELAXATION if key in whole}
    return found | {
        f"F_s_{name}_half": np.interp(whole["time"], half.time, half.F_s, right=np.nan)
        for name, half in zip(("first", "last"), halves, strict=True)
    }


def published(temperature: float, density: float) -> tuple[float, float]:
    """Return U/N (shifted; within 0.004) and P (within 0.02) at density 1.2 and 0.45 <= T <= 2.

    Fits in T^(3/5), as Rosenfeld and Tarazona, Mol. Phys. 95, 141 (1998), to RUMD runs of this mixture, N = 4000 and
    10000 (docs/validation.md); P = rho (T + W/N), W the virial.
    """
    power = temperature**0.6
    return -8.6461 + 2.6323 * power, density * (temperature - 6.174 + 13.380 * power)


def acceptance(paths: list[Path]) -> list[dict[str, str]]:
    """Return what speaks for the equilibrium of the archives' configurations, one row for each temperature.

    Means carry the standard error over configurations. `drift`: slope of U/N along the set's numbers, in its standard
    errors. `held`: time at T before a configuration was taken, in tau_alpha of the set's relaxation runs. `accepted`:
    U/N and P within three errors of the published values, theirs included, and a drift of less than three. `hours`:
    of all simulations behind the configurations, one after another.
    """
    at: dict[float, list[Path]] = {}
    for path in paths:
        at.setdefault(archive.contents(path).temperature, []).append(path)
    return [_row(temperature, files) for temperature, files in sorted(at.items())]


def _row(temperature: float, files: list[Path]) -> dict[str, str]:
    named = {name: archive.read(path, name) for path in files for name in archive.contents(path).names}
    samples = [named[name] for name in sorted(named)]
    n, density = _size(samples[0])
    found = np.array([_thermodynamics(sample) for sample in samples])
    (energy, pressure), errors, expected = found.mean(axis=0), standard_error(found), published(temperature, density)
    numbers = np.arange(len(found)) - (len(found) - 1) / 2
    drift = (numbers @ found[:, 0]) / (found[:, 0].std(ddof=1) * np.sqrt(numbers @ numbers))
    off = np.abs(found.mean(axis=0) - expected) / np.hypot(errors, PUBLISHED_ERRORS)
    of_set, told = archive.relaxation(files[0]), archive.settings(files[0])["equilibrate"]
    tau_alpha = float(of_set["tau_alpha"])
    first, last = (
        np.interp(np.log(tau_alpha), np.log(of_set["time"]), of_set[f"F_s_{half}_half"]) for half in ("first", "last")
    )
    spent = sum(stage["seconds"] for sample in samples for stage in sample["provenance"].values())
    return {
        "T": f"{temperature:g}",
        "N": str(n),
        "configurations": str(len(samples)),
        "U/N": f"{energy:.4f} ± {errors[0]:.4f}",
        "published": f"{expected[0]:.4f}",
        "P": f"{pressure:.3f} ± {errors[1]:.3f}",
        "published P": f"{expected[1]:.3f}",
        "drift": f"{drift:+.1f}",
        "tau_alpha": f"{tau_alpha:.3g} ± {of_set['tau_alpha_error']:.2g}",
        "held": f"{told['relaxation_times'] * expected_tau_alpha(temperature) / tau_alpha:.1f}",
        "F_s(tau_alpha), first and last half": f"{first:.2f}, {last:.2f}",
        "F_s since quench, largest": f"{max(sample['F_s_since_quench'] for sample in samples):.3f}",
        "crystal, largest": f"{max(sample['crystalline_fraction'] for sample in samples):.3f}",
        "accepted": "yes" if (off < 3).all() and abs(drift) < 3 else "no",
        "hours": f"{spent / 3600:.2f}",
    }


def _size(sample: dict) -> tuple[int, float]:
    return len(sample["types"]), len(sample["types"]) / float(np.prod(sample["box"]))


def _thermodynamics(sample: dict) -> tuple[float, float]:
    """Return U/N and P of a configuration."""
    (n, density), found = _size(sample), evaluate(sample["positions"], sample["types"], sample["box"])
    return found.energy / n, density * (float(sample["temperature"]) + found.virial / (3 * n))


def collect(folder: Path, output: Path, beside: list[Path]) -> int:
    """Write the finished configurations of a temperature's folder that no archive `beside` holds; return how many."""
    known = {name for path in beside for name in archive.contents(path).names}
    finished = [
        sample
        for sample in sorted(folder.glob("samples/*"))
        if sample.name not in known and all((sample / name).exists() for name in FILES)
    ]
    reduced = {}
    time, told = np.empty(0), dict[str, dict]()
    for sample in finished:
        reduced[sample.name], found, settings = reduce(sample)
        if len(reduced) > 1 and (settings != told or not np.array_equal(found, time)):
            raise InputError(f"{sample}: other settings or times than {finished[0]}")
        time, told = found, settings
    if reduced:
        of_set = archive.relaxation(beside[0]) if beside else of_the_set(folder)
        archive.write(output, reduced, time, told["equilibrate"]["temperature"], of_set, told)
    return len(reduced)


def main() -> None:
    parser = options.Parser(prog="python -m analysis.archive", description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path, help="a temperature's folder and the file to write; or archives")
    parser.add_argument("--beside", nargs="+", type=Path, default=[], help="archives whose configurations are left out")
    arguments = parser.parse_args()
    if not arguments.paths[0].is_dir():
        rows = acceptance(arguments.paths)
        for cells in (rows[0], ["---"] * len(rows[0]), *map(dict.values, rows)):
            print(f"| {' | '.join(cells)} |")
    elif len(arguments.paths) != 2:
        raise InputError(f"{arguments.paths[0]}: expected one file to write after it")
    else:
        count = collect(arguments.paths[0], arguments.paths[1], arguments.beside)
        print(f"{arguments.paths[1]}: {count} configurations" if count else f"{arguments.paths[0]}: nothing new")


if __name__ == "__main__":
    command.run(main)
