"""Small files in the schema of the pipeline, for tests of figures and report. The numbers mean nothing."""

import csv
from pathlib import Path

import numpy as np

from simulate import box as periodic
from simulate import store

# The columns of results/metrics.csv: others script against them.
COLUMNS = "source temperature time model seed species pcc_mean pcc_mean_error pcc_all ceiling_mean ceiling_all"
COLUMNS = (*COLUMNS.split(), "n_runs", "n_train", "n_test")
TIME = np.array([0.15, 2.0])
N_A, N_B, EDGE = 160, 40, 5.5
SAMPLES = ("s0003", "s0007")


def write_graphs(path: Path, temperature: float | None = 0.7) -> None:
    """Write a graphs.h5 with two random configurations, and predictions.h5 beside it."""
    random = np.random.default_rng(5)
    box = np.full(3, EDGE)
    settings = {} if temperature is None else {"temperature": temperature}
    with (
        store.create(path, "graphs", {"cutoff": 2.0, **settings}) as graphs,
        store.create(path.with_name("predictions.h5"), "predictions", {}) as predictions,
    ):
        graphs["time"] = predictions["time"] = TIME
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
        "tau_alpha": tau,
        "sampling_time": np.array([0.1 * tau, tau]),
    }
    store.write(path, "relaxation", arrays, {"temperature": temperature, "wavenumber": 7.25, "n_samples": 4})


def write_metrics(path: Path, scores: dict[tuple[float, str, int], tuple[float, float]], times=(0.15, 2.0)) -> None:
    """Write a metrics.csv: `scores` gives PCC mean at both times by (temperature, model, seed); ceilings 0.9, 0.8."""
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
                    "n_train": 13,
                    "n_test": 4,
                    "ceiling_mean": ceiling,
                    "ceiling_all": ceiling + 0.01,
                }
                table.writerow(row | {"species": "A", "pcc_mean": score, "pcc_all": score - 0.02})
                table.writerow(row | {"species": "B", "pcc_mean": 0.111, "pcc_all": 0.111})


def write_shells(path: Path, kind: str, rows: list[tuple[float, int, float | None, float, float]]) -> None:
    """Write a table of analysis.shells from rows of (time, shell, delta, correlation with full, rms change)."""
    header = ["kind", "time", "shell", "delta", "n_particles", "correlation_with_full", "correlation_with_truth"]
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*header, "rms_change"])
        for time, shell, delta, correlation, change in rows:
            writer.writerow([kind, time, shell, "" if delta is None else delta, 200, correlation, 0.5, change])
