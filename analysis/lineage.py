"""Everything that a result was made from, back to the seeds: commands, commits, inputs.

    python -m analysis.lineage results/figures/response.svg

Works on result files alone, wherever they lie: each says what made it (.h5 and .pt inside, figures in their metadata,
tables and the report in a .provenance.json beside them), and which files that read. An input that is no longer what was
read then, by its SHA-256, is marked.
"""

import argparse
import json
import os
import shlex
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from simulate.files import provenance, store
from simulate.stage import command, options
from simulate.stage.command import InputError

DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"


def made_by(path: Path) -> tuple[dict, dict] | None:
    """Return provenance and settings of a result file, None where it carries none.

    Raises InputError where a file is damaged.
    """
    beside, figure = store.sidecar(path), path.with_suffix(".svg")
    try:
        if path.suffix in (".h5", ".hdf5") and store.kind_of(path) is not None:
            with store.opened(path) as file:
                settings, made = store.described(file)
                return made, settings
        if path.suffix == ".pt":
            from learn.data import torch_file

            content = torch_file.read(path)
            return json.loads(content["provenance"]), json.loads(content["settings"])
        if beside.is_file():
            return json.loads(beside.read_text(encoding="utf-8")), {}
        if figure.is_file():
            # A figure's picture, table and caption are made at once.
            found = ElementTree.parse(figure).find(f".//{DESCRIPTION}")
            return None if found is None else (json.loads(found.text or ""), {})
    except (ValueError, KeyError, TypeError, ElementTree.ParseError) as error:
        raise InputError(f"{path}: what made it cannot be read: {error!r}") from None
    return None


def lineage(path: Path) -> list[str]:
    """Return the lineage of a result file as lines of text, each file told once; inputs are indented below."""
    told: dict[Path, str] = {}
    lines: list[str] = []
    _tell(path, None, 0, told, lines)
    marks = [mark for mark in told.values() if mark]
    return [*lines, f"{len(told)} files; {', '.join(marks) if marks else 'all inputs are what was read then'}"]


def _tell(path: Path, digest: str | None, depth: int, told: dict[Path, str], lines: list[str]) -> None:
    place, margin = path.resolve(), "  " * depth
    if place in told:
        lines.append(f"{margin}{path} (above)")
        return
    told[place] = "" if digest in (None, provenance.digest(path)) else f"{path} has changed since"
    if not path.is_file():
        told[place] = f"{path} is missing"
        lines.append(f"{margin}{path}: missing")
        return
    found = made_by(path)
    lines.append(f"{margin}{path}" + (": changed since it was read" if told[place] else ""))
    if found is None:
        lines.append(f"{margin}  from outside, SHA-256 {provenance.digest(path)}")
        return
    made, settings = found
    said = {line.strip() for line in lines}
    lines += [f"{margin}  {line}" for line in _facts(made, settings) if line not in said]
    for name, read in made.get("inputs", {}).items():
        _tell(Path(os.path.relpath(path.parent / name)), read, depth + 1, told, lines)


def _facts(made: dict, settings: dict) -> list[str]:
    """Return what is said of one file: its command, what its random numbers follow from, what it ran on, versions."""
    words = {"seed": made.get("seed")} | {name: settings.get(name) for name in ("temperature", "sample")}
    words |= {name: made.get(name) for name in ("platform", "seconds", "commit")}
    known = ", ".join(f"{name} {value}" for name, value in words.items() if value is not None)
    versions = ", ".join(f"{name} {version}" for name, version in made.get("versions", {}).items())
    return [f"python -m {shlex.join(map(str, made.get('command', ['unknown'])))}", known, versions]


def main() -> None:
    parser = options.Parser(
        prog="python -m analysis.lineage",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("result", type=Path, help="any file of a results folder: figure, table, model, .h5, report")
    arguments = parser.parse_args()
    if not arguments.result.is_file():
        raise InputError(f"{arguments.result}: no such file")
    if made_by(arguments.result) is None:
        raise InputError(f"{arguments.result}: does not say what made it, expected a result of this project")
    print("\n".join(lineage(arguments.result)))


if __name__ == "__main__":
    command.run(main)
