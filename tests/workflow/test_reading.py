"""The configuration as people write it: one reader for files and the command line."""

import copy
from types import SimpleNamespace

import pytest
import yaml
from snakemake.pathvars import Pathvars
from snakemake.utils import update_config

from tests.conftest import ROOT

RULES = ROOT / "workflow/rules/reading.smk"
CODE = compile(RULES.read_text(), RULES, "exec")
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text())


def reading(given: dict) -> tuple[dict, Pathvars]:
    """Return the configuration, and the folders as Snakemake has them, for what differs from the default."""
    config, pathvars = copy.deepcopy(DEFAULT), Pathvars.with_defaults()
    update_config(config, given)
    pathvars.update(Pathvars.from_config(config))
    # As a file of rules it comes along where the workflow is called by address; it is plain Python.
    workflow = SimpleNamespace(pathvars=pathvars)
    exec(CODE, {"config": config, "workflow": workflow, "source": lambda name: ROOT / name, "MAIN": True})
    return config, pathvars


def text(value):
    """Return what is written within brackets after --config, where all is text."""
    if isinstance(value, dict):
        return {key: text(item) for key, item in value.items()}
    return [text(item) for item in value] if isinstance(value, list) else str(value)


WRITTEN = [
    ({"samples": 20.0}, 20),
    ({"samples": "2e1"}, 20),
    ({"seed": "5e7"}, 50_000_000),
    ({"temperatures": ["7e-1", 1]}, [0.7, 1]),
    ({"times": [".5", "1 tau_alpha"]}, [0.5, "1 tau_alpha"]),
    ({"simulation": {"time_step": "1e-3"}}, 0.001),
    ({"liquid": {"particles": 1e3}}, 1000),
    ({"networks": {"bapst2020": {"epochs": 4.0}}}, 4),
    ({"equilibration": {"allow_unequilibrated": True}}, True),
    ({"published": {"folder": 2024}}, "2024"),
    ({"published": {"folder": "1e3"}}, "1e3"),
]


@pytest.mark.parametrize("as_given", [lambda value: value, text], ids=["file", "command line"])
@pytest.mark.parametrize(("given", "expected"), WRITTEN, ids=[str(given) for given, _ in WRITTEN])
def test_numbers_as_people_write_them(given, expected, as_given):
    found, _ = reading(as_given(given))
    while isinstance(given, dict):
        ((key, given),) = given.items()
        found = found[key]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "nan", "inf", "1e999"])
def test_numbers_that_are_none_are_refused(value):
    with pytest.raises(SystemExit, match=r"error: configuration: liquid\.density: (nan|inf), expected a finite number"):
        reading({"liquid": {"density": value}})


@pytest.mark.parametrize("null", [None, "null"])
def test_a_default_is_left_out(null):
    found, _ = reading({"networks": {"bapst2020": null}, "baselines": []})
    assert list(found["networks"]) == ["pairs", "linear"]
    assert found["baselines"] == []


def test_paths_are_expanded_once(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PLACE", "a $HOME (1)")
    found, pathvars = reading({"pathvars": {"results": "~/$PLACE"}, "published": {"folder": "$UNKNOWN/x"}})
    assert pathvars.apply("<logs>") == f"{tmp_path}/a $HOME (1)/logs"
    assert found["published"]["folder"] == "$UNKNOWN/x"
