"""Tables (.csv): written, and read with their mistakes named."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from simulate.files import provenance, store
from simulate.stage.command import InputError, check_file


def write(path: str | Path, columns: Sequence[str], rows: Iterable[Mapping], form: str = "") -> None:
    """Write a table as `fill` does, atomically. Raises OSError where it cannot be written."""
    with store.text(path) as file:
        fill(file, columns, rows, form)


def fill(file: TextIO, columns: Sequence[str], rows: Iterable[Mapping], form: str = "") -> None:
    """Write a table with the `columns`: what a row has beside them is left out, what it has not is empty.

    `form` is how floats are written, as ".6g"; not given: all their digits.
    """
    writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        given = {name: f"{value:{form}}" for name, value in row.items() if form and isinstance(value, float)}
        writer.writerow({**row, **given})


def rows(path: str | Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of a table, each by column.

    Raises InputError where the file is missing, no text, empty or ragged, or has not the `columns`.
    """
    check_file(path)
    try:
        with open(path, newline="", encoding="utf-8") as file:
            found = [row for row in csv.reader(file) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV table ({error})") from None
    provenance.note_input(path)
    if len(found) < 2:
        raise InputError(f"{path}: no rows; expected a CSV table with a header")
    header, *lines = found
    missing = [name for name in columns if name not in header]
    if missing:
        raise InputError(f"{path}: no column {missing[0]!r}; it has {', '.join(header)}")
    for number, line in enumerate(lines, 2):
        if len(line) != len(header):
            raise InputError(f"{path}: row {number}: {len(line)} entries, expected {len(header)}")
    return [dict(zip(header, line, strict=True)) for line in lines]


def numbers(row: dict[str, str], names: Sequence[str], path: str | Path) -> list[float]:
    """Return entries of a row as numbers, empty ones as NaN. Raises InputError where one is none."""
    found = []
    for name in names:
        try:
            found.append(float(row[name].strip() or "nan"))
        except ValueError:
            raise InputError(f"{path}: column {name}: {row[name]!r}, expected a number") from None
    return found
