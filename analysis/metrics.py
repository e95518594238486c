"""Every score of a run in one table: `results/metrics.csv`, one row per score."""

import argparse
import csv
from pathlib import Path

from learn.evaluate import COLUMNS, table
from simulate import command
from simulate.command import InputError


def collect(paths: list[Path]) -> list[dict[str, str]]:
    """Return the rows of score tables, sorted by temperature, time, model and seed.

    Raises InputError where a table has other columns.
    """
    rows: list[dict[str, str]] = []
    for path in paths:
        with open(path, newline="") as file:
            scores = csv.DictReader(file)
            if tuple(scores.fieldnames or ()) != COLUMNS:
                raise InputError(f"{path}: columns {scores.fieldnames}, expected {', '.join(COLUMNS)}")
            rows.extend(scores)
    return sorted(rows, key=lambda row: (float(row["temperature"]), float(row["time"]), row["model"], row["seed"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scores", nargs="+", type=Path, help="tables of scores (.csv)")
    parser.add_argument("--output", type=Path, required=True, help="the one table (.csv)")
    arguments = parser.parse_args()
    table(arguments.output, collect(arguments.scores))


if __name__ == "__main__":
    command.run(main)
