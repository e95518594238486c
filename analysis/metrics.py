"""Every score of a run in one table: `results/metrics.csv`, one row per score."""

from pathlib import Path

from learn.data.scores import COLUMNS, table
from simulate.files import tables
from simulate.stage import command, options
from simulate.stage.command import InputError


def collect(paths: list[Path]) -> list[dict[str, str]]:
    """Return the rows of score tables, sorted by temperature, time, model and seed.

    Raises InputError where a table has other columns.
    """
    found = []
    for path in paths:
        rows = tables.rows(path, COLUMNS)
        if tuple(rows[0]) != COLUMNS:
            raise InputError(f"{path}: columns {', '.join(rows[0])}, expected {', '.join(COLUMNS)}")
        for row in rows:
            temperature, time = tables.numbers(row, ("temperature", "time"), path)
            found.append((temperature, time, row["model"], row["seed"], row))
    return [row for *_, row in sorted(found, key=lambda entry: entry[:-1])]


def main() -> None:
    parser = options.Parser(description=__doc__)
    parser.add_argument("scores", nargs="+", type=Path, help="tables of scores (.csv)")
    parser.add_argument("--output", type=Path, required=True, help="the one table (.csv)")
    arguments = parser.parse_args()
    table(arguments.output, collect(arguments.scores))


if __name__ == "__main__":
    command.run(main)
