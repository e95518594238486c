"""What figures are drawn from: tables by column, and files by temperature."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from simulate.files import store, tables
from simulate.stage.command import InputError


def read_table(path: str | Path, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the columns of a CSV file: float arrays where every entry is a number or empty (NaN), else strings.

    Raises InputError where the file is missing, empty, ragged, or has not the `columns`.
    """
    found = tables.rows(path, columns)
    return {name: _column([row[name] for row in found]) for name in found[0]}


def _column(values: Sequence[str]) -> np.ndarray:
    try:
        return np.array([float(value) if value.strip() else np.nan for value in values])
    except ValueError:
        return np.array(values)


def read_tables(paths: Sequence[str | Path], columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the rows of several CSV files as one table, the `columns` of it only."""
    found = [read_table(path, columns) for path in paths]
    return {name: np.concatenate([table[name] for table in found]) for name in columns}


def rows(columns: Mapping[str, Sequence | np.ndarray]) -> list[dict]:
    """Return the rows of a table given by columns of one length."""
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def by_temperature(paths: Sequence[str | Path], kind: str, names: Sequence[str]) -> dict[float, store.Contents]:
    """Return files of one kind, with the arrays `names`, by the temperature in their settings, coldest first.

    Raises InputError where a file carries no temperature or two carry the same.
    """
    found = {}
    for path in paths:
        contents = store.read(path, kind, tuple(names))
        temperature = contents.settings.get("temperature")
        if temperature is None or temperature in found:
            raise InputError(f"{path}: temperature {temperature}, expected one {kind} file for each temperature")
        found[temperature] = contents
    return dict(sorted(found.items()))
