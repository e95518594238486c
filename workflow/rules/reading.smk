# The configuration as people write it, in files and after --config, read as the schema means it: 1e-3 and 2.0 are numbers
# where numbers are meant, the second a whole one; digits that name a folder stay text; null leaves out what a default has.
import contextlib
import math
import os
import sys
from pathlib import Path

import jsonschema
import yaml
from snakemake.pathvars import Pathvars

from learn.models import MODELS


def refuse(key, message):
    """End before any work, with one line that names the key."""
    sys.exit(f"error: configuration: {key}: {message}")


def kinds_of(schema):
    """What a value may be, by the schema of its key: the type's name and what the schema says of it."""
    for kind in (schema, *schema.get("anyOf", []), schema.get("then", {}), schema.get("else", {})):
        kind = SCHEMA["$defs"][Path(kind["$ref"]).name] if "$ref" in kind else kind
        yield kind.get("type", "object" if "additionalProperties" in kind else None), kind


def read(value, schema, key=""):
    """A value of the configuration, by the schema of its key."""
    kinds = dict(kinds_of(schema))
    if isinstance(value, dict):
        kind = kinds.get("object", {})
        others = kind.get("additionalProperties") or {}
        return {
            str(name): read(item, kind.get("properties", {}).get(name, others), f"{key}.{name}".strip("."))
            for name, item in value.items()
            if item not in (None, "null")
        }
    if isinstance(value, list):
        items = kinds.get("array", {}).get("items", {})
        return [read(item, items, f"{key}.{number}") for number, item in enumerate(value)]
    if kinds.keys() & {"number", "integer"}:
        return number_of(value, "integer" in kinds, key)
    if "boolean" in kinds and str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    if "string" in kinds:
        text = str(value)
        return os.path.expanduser(os.path.expandvars(text)) if schema.get("format") == "path" else text
    return value


def number_of(value, whole, key):
    """A number, or what was given in its place, for the schema to refuse."""
    if isinstance(value, str):
        # YAML takes 1e-3 for text, and so is everything within brackets after --config.
        with contextlib.suppress(ValueError):
            value = int(value) if value.isdecimal() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        refuse(key, f"{value}, expected a finite number")
    return int(value) if whole and isinstance(value, float) and value.is_integer() else value


def check_schema():
    found = jsonschema.Draft202012Validator(SCHEMA).iter_errors(config)
    for error in sorted(found, key=lambda error: len(error.path)):
        key = ".".join(str(part) for part in error.absolute_path)
        if error.validator == "additionalProperties":
            unknown = sorted(set(error.instance) - set(error.schema.get("properties", {})))
            known = ", ".join(error.schema.get("properties", {}))
            refuse(
                ".".join(filter(None, [key, unknown[0]])),
                f"unknown key; expected one of {known}",
            )
        meaning = error.schema.get("description", "")
        refuse(key or "top level", error.message + (f" ({meaning})" if meaning else ""))


def take_paths(given):
    """Tell Snakemake the folders whose names had a ~ or a variable in them; refuse names that it cannot take."""
    changed = {name: path for name, path in config["pathvars"].items() if path != given.get(name)}
    workflow.pathvars.update(Pathvars.from_config({"pathvars": changed}, module_level=not MAIN))
    for name in config["pathvars"]:
        if set("{}<>\n") & set(folder(name)):
            refuse(f"pathvars.{name}", f"{folder(name)!r}, expected a name without braces, < > and line breaks")
        if folder(name).startswith("-"):
            refuse(f"pathvars.{name}", f"{folder(name)!r} would be taken for an option, expected ./{folder(name)}")


def folder(name):
    """A folder of the run, as the configuration names it."""
    return str(workflow.pathvars.apply(f"<{name}>"))


SCHEMA = yaml.safe_load(Path(source("workflow/schemas/config.schema.yaml")).read_text(encoding="utf-8"))
SCHEMA["properties"]["networks"]["additionalProperties"]["properties"]["model"]["enum"] = list(MODELS)
GIVEN = dict(config.get("pathvars", {}))
AS_READ = read(config, SCHEMA)
config.clear()
config.update(AS_READ)
check_schema()
take_paths(GIVEN)
