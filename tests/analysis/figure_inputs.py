"""Small files in the schema of the pipeline, for tests of figures and report. The numbers mean nothing."""

import csv
from pathlib import Path

import numpy as np

from analysis import shells
from simulate.files import store
from simulate.liquid import box as periodic

# The columns of results/metrics.csv: others script against them.
COLUMNS = "source temperature time model seed species pcc_mean pcc_mean_error pcc_all ceiling_mean ceiling_all"
COLUMNS = (*COLUMNS.split(), "n_runs", "n_train", "n_test")
TIME = np.array([0.15, 2.0])
N_A, N_B, EDGE = 160, 40, 5.5
SAMPLES = ("s0003", "s0007")


def write_graphs(path: Path, temperature: float = 0.7) -> None:
    """Write a graphs.h5 with two random configurations, and predictions.h5 beside it."""
    random = np.random.default_rng(5)
    box = np.full(3, EDGE)
    with (
        store.create(path, "graphs", {"cutoff": 2.0}) as graphs,
        store.create(path.with_name("predictions.h5"), "predictions", {}) as predictions,
    ):
        graphs["time"] = predictions["time"] = TIME
        graphs.attrs["temperature"] = temperature
        for name in SAMPLES:
            positions = random.uniform(-EDGE, 2 * EDGE, (N_A + N_B, 3))
            pairs = periodic.neighbour_pairs(positions, box, 2.0)
            self_edges = np.arange(N_A + N_B)
            senders = np.concatenate([pairs[:, 0], pairs[:, 1], self_edges])
            receivers = np.concatenate([pairs[:, 1], pairs[:, 0], self_edges])
            order = np.lexsort((senders, receivers))
            truth = random.gamma(4, 0.1, (len(TIME), N_A + N_B))
            arrays = {
                "positions": positions,
                "types": np.repeat(np.array([0, 1], np.int8), (N_A, N_B)),
                "box": box,
                "propensity": truth,
                "standard_error": 0.1 * truth,
                "senders": senders[order],
                "receivers": receivers[order],
            }
            group = graphs.create_group(name)
            group.attrs["split"] = "test"
            for key, array in arrays.items():
                group[key] = array
            noise = random.normal(0, 0.1, truth.shape)
            predictions.create_group(name)["prediction"] = 0.5 * truth + 0.2 + noise


def write_relaxation(path: Path, temperature: float, tau: float) -> None:
    """Write a relaxation.h5 whose F_s is exp(-t / tau): it crosses 1/e at tau."""
    time = np.geomspace(0.01 * tau, 10 * tau, 31)
    arrays = {
        "time": time,
        "F_s": np.exp(-time / tau),
        "F_s_error": np.full(31, 0.01),
        "msd": time,
        "chi_4": 3 * np.exp(-(np.log(time / tau) ** 2)),
        "chi_4_error": np.full(31, 0.1),
        "tau_alpha": tau,
        "sampling_time": np.array([0.1 * tau, tau]),
    }
    store.write(path, "relaxation", arrays, {"temperature": temperature, "wavenumber": 7.25, "n_samples": 4})


def write_metrics(path: Path, scores: dict[tuple[float, str, int], tuple[float, float]], times=(0.15, 2.0)) -> None:
    """Write a metrics.csv: `scores` gives PCC mean at both times by (temperature, model, seed); ceilings 0.9, 0.8.

    NAME_4 was trained on 4 configurations, NAME on 13.
    """
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        for (temperature, model, seed), values in scores.items():
            for time, score, ceiling in zip(times, values, (0.9, 0.8), strict=True):
                row = dict.fromkeys(COLUMNS, "") | {
                    "source": "simulated",
                    "temperature": temperature,
                    "time": time,
                    "model": model,
                    "seed": seed,
                    "pcc_mean_error": 0.012,
                    "n_runs": 20,
                    "n_train": int(model.rpartition("_")[2]) if model[-1].isdigit() and "_" in model else 13,
                    "n_test": 4,
                    "ceiling_mean": ceiling,
                    "ceiling_all": ceiling + 0.01,
                }
                table.writerow(row | {"species": "A", "pcc_mean": score, "pcc_all": score - 0.02})
                table.writerow(row | {"species": "B", "pcc_mean": 0.111, "pcc_all": 0.111})


def write_shells(path: Path, kind: str, rows: list[tuple], temperature: float = 0.7) -> None:
    """Write a table of analysis.shells from rows of (time, shell, delta, correlation with full, rms change).

    The error of the correlation is 0.013, that of the change a tenth of it.
    """
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(shells.COLUMNS)
        for time, shell, delta, correlation, change in rows:
            at = [temperature, time, kind, shell, "" if delta is None else delta]
            writer.writerow([*at, 200, correlation, 0.5, change, 0.013, 0.1 * change])


def write_responses(path: Path, curves: dict[str, float], shells=(1, 2, 3), *, control=None, seed=0, gradient=False):
    """Write a file of analysis.shells --responses: 2 times, 60 marked particles in 4 configurations, all alike.

    `curves`: the length of the change exp(-shell / length) by kind; with `gradient` also that of the sensitivity.
    """
    kind, shell = (np.array(of) for of in zip(*((k, h) for k in curves for h in shells), strict=True))
    size = np.exp(-shell / np.array([curves[name] for name in kind]))
    full = np.zeros((2, 60))
    changed = np.broadcast_to(size[:, None, None], (len(size), 2, 60))
    arrays = {
        "time": TIME,
        "full": full,
        "truth": full,
        "configuration": np.repeat(np.arange(4), 15),
        "particle": np.arange(60),
    }
    arrays |= {"wraps_from": np.full(60, 4.0), "kind": kind.astype("S"), "shell": shell.astype(float)}
    arrays |= {"delta": np.full(len(shell), np.nan), "changed": changed}
    if gradient:
        distance = (np.arange(12) + 0.5) * 0.25
        pairs = np.full((12, 60), 5)
        arrays |= {"pairs": pairs, "squares": np.tile(5 * np.exp(-2 * distance / 0.4)[None, :, None], (2, 1, 60))}
    about = {"model": {"seed": seed, **({"control": control} if control else {})}, "temperature": 0.7}
    about |= {"metric": False, "bin_width": 0.25, "half_box": EDGE / 2}
    store.write(path, "responses", arrays, about)


def write_transfer(path: Path, temperatures=(0.7, 1.0)) -> None:
    """Write a table of analysis.transfer: the score is 0.9 at home, less by 0.1 for each step away."""
    places = [(temperature, time) for temperature in temperatures for time in TIME]
    columns = "model seed trained_temperature trained_time temperature time species pcc_mean pcc_mean_error pcc_all"
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns.split(), "ceiling_mean", "ceiling_all", "n_test"])
        for i, trained in enumerate(places):
            for j, tested in enumerate(places):
                score = 0.9 - 0.1 * abs(i - j)
                writer.writerow(["bapst2020", 0, *trained, *tested, "A", score, 0.01, score, 0.95, 0.96, 4])


def write_radial_distribution(path: Path, peak: float, temperature: float = 0.7) -> None:
    """Write a radial_distribution.h5 with a first peak at r = 1."""
    r = (np.arange(250) + 0.5) * 0.02
    g = 1 / (1 + np.exp(-50 * (r - 0.95))) + (peak - 1) * np.exp(-(((r - 1) / 0.05) ** 2))
    arrays = {"r": r} | {f"g_{pair}": g for pair in ("AA", "AB", "BB")}
    arrays |= {f"first_peak_{pair}": np.array([1.0, peak]) for pair in ("AA", "AB", "BB")}
    store.write(path, "radial_distribution", arrays, {"files": ["a", "b"], "temperature": temperature})
