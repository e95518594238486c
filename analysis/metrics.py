"""Every score of a run in one table: `results/metrics.csv`, one row per score."""

import argparse
import csv
from pathlib import Path

from simulate import command, store
from simulate.command import InputError

COLUMNS = (
    "source",
    "temperature",
    "time",
    "model",
    "seed",
    "species",
    "pcc_mean",
    "pcc_mean_error",
    "pcc_all",
    "ceiling_mean",
    "ceiling_all",
    "n_runs",
    "n_train",
    "n_test",
)


def collect(paths: list[Path]) -> list[dict[str, str]]:
    """Return the rows of score tables, sorted by temperature, time, model and seed.

    Raises InputError where a table has other columns.
    """
    rows = []
    for path in paths:
        with open(path, newline="") as file:
            table = csv.DictReader(file)
            if tuple(table.fieldnames or ()) != COLUMNS:
                raise InputError(f"{path}: columns {table.fieldnames}, expected {', '.join(COLUMNS)}")
            rows.extend(table)
    return sorted(rows, key=lambda row: (float(row["temperature"]), float(row["time"]), row["model"], row["seed"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scores", nargs="+", type=Path, help="tables of scores (.csv)")
    parser.add_argument("--output", type=Path, required=True, help="the one table (.csv)")
    arguments = parser.parse_args()
    rows = collect(arguments.scores)
    with store.replacing(arguments.output) as temporary, open(temporary, "w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


if __name__ == "__main__":
    command.run(main)
