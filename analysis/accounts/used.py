"""What a run has used, stage by stage, beside what was planned.

Simulations and other stages that write HDF5 carry the seconds they worked in their `provenance`, all attempts together;
the others have benchmark files, whose CPU time counts, or on a GPU, as the training curves say, the time.
"""

import csv
import json
from collections import defaultdict
from html import escape
from pathlib import Path

import h5py

from analysis import plan
from analysis.accounts import costs
from simulate.files import store, tables

# The stage that writes a file of this name below one temperature's folder.
WRITES = {
    "sample.h5": "equilibrate",
    "relaxation_run.h5": "relaxation_run",
    "relaxation.h5": "relaxation",
    "isoconfigurational.h5": "isoconfigurational",
    "inherent.h5": "inherent",
    "propensity.h5": "propensity",
    "graphs.h5": "graphs",
    "predictions.h5": "evaluate",
}
BENCHMARKS = {"train": "train", "baselines": "baselines", "gradient": "shell_gradient"}
BENCHMARKS |= dict.fromkeys(("edges", "sigma"), "shell_response")
GPUS = ("CUDA", "HIP", "OpenCL", "cuda")


def used(results: Path, benchmarks: Path) -> list[dict]:
    """Return rows as `plan.table` does, from the results that are there."""
    sums: dict = defaultdict(lambda: dict.fromkeys(plan.COLUMNS[2:], 0))
    for folder in sorted(results.glob("T*.*")):
        for file in folder.rglob("*.h5"):
            if file.name in WRITES:
                _add_file(sums, float(folder.name[1:]), file)
    for file in benchmarks.glob("T*.*/**/*.tsv"):
        stage = BENCHMARKS.get(file.stem.split("_")[0])
        if stage is not None:
            row = sums[stage, float(file.relative_to(benchmarks).parts[0][1:])]
            row["jobs"] += 1
            history = store.sidecar(results / file.relative_to(benchmarks).with_name("history.csv"))
            gpu = stage == "train" and history.exists() and _on_gpu(json.loads(history.read_text()))
            row["gpu_hours" if gpu else "core_hours"] += _seconds(file, "s" if gpu else "cpu_time") / 3600
    order = {stage: place for place, stage in enumerate(costs.STAGES)}
    keys = sorted(sums, key=lambda key: (key[1], order[key[0]]))
    return [{"stage": stage, "temperature": temperature, **sums[stage, temperature]} for stage, temperature in keys]


def _add_file(sums: dict, temperature: float, file: Path) -> None:
    with h5py.File(file) as opened:
        made = json.loads(opened.attrs["provenance"])
    public = made["command"][0] == "simulate.published"
    row = sums["published" if public else WRITES[file.name], temperature]
    row["gigabytes"] += file.stat().st_size / 1e9
    if public and file.name == "sample.h5":
        # The same job wrote the ensemble beside it.
        return
    row["jobs"] += 1
    row["gpu_hours" if _on_gpu(made) else "core_hours"] += made["seconds"] / 3600


def _on_gpu(made: dict) -> bool:
    return str(made.get("platform")).startswith(GPUS)


def _seconds(file: Path, column: str) -> float:
    with open(file) as opened:
        (row,) = csv.DictReader(opened, delimiter="\t")
    return float(row[column]) if row[column] not in ("-", "NA") else 0.0


def read(table: Path) -> list[dict]:
    """Read the table that `snakemake plan` wrote. Raises InputError where it is no such table."""
    stage, *names = plan.COLUMNS
    return [
        {stage: row[stage]} | dict(zip(names, tables.numbers(row, names, table), strict=True))
        for row in tables.rows(table, plan.COLUMNS)
    ]


def table(planned: list[dict], found: list[dict]) -> str:
    """Return planned beside used as an HTML table, with their sums."""
    rows: dict[tuple, tuple] = {(row["stage"], row["temperature"]): (row, None) for row in planned}
    for row in found:
        key = (row["stage"], row["temperature"])
        rows[key] = (rows.get(key, (None, None))[0], row)
    sums = [{name: sum(row[name] for row in part) for name in plan.COLUMNS[2:]} for part in (planned, found)]
    body = "".join(
        f"<tr><td>{escape(stage)}</td><td>{temperature:g}</td>{_cells(*pair)}</tr>"
        for (stage, temperature), pair in rows.items()
    )
    head = "".join(
        f"<th>{name}, planned</th><th>used</th>" for name in ("jobs", "GPU-hours", "core-hours", "disk (GB)")
    )
    return (
        f'<div class="wide"><table><thead><tr><th>stage</th><th>T</th>{head}</tr></thead><tbody>{body}'
        f"<tr><td>in all</td><td></td>{_cells(*sums)}</tr></tbody></table></div>"
    )


def _cells(planned: dict | None, found: dict | None) -> str:
    return "".join(
        "<td>–</td>" if row is None or not row[name] else f"<td>{row[name]:.3g}</td>"  # noqa: RUF001
        for name in plan.COLUMNS[2:]
        for row in (planned, found)
    )
