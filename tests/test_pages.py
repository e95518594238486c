"""Pages and recipes name what there is."""

import re

import pytest
import yaml

from tests.conftest import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "config").glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_named_targets_exist(page):
    named = set(re.findall(r"`make ([a-z][\w-]*)", page.read_text()))
    assert named <= set(re.findall(r"^([a-z][\w-]*):", MAKEFILE, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_linked_pages_exist(page):
    for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / link).exists(), f"{page.name}: {link}"


def navigation(entry) -> set[str]:
    if isinstance(entry, str):
        return {entry}
    return set().union(*map(navigation, entry.values() if isinstance(entry, dict) else entry))


def test_site_holds_every_page():
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    assert navigation(nav) == {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}


def test_container_takes_the_steps_of_make():
    """Every instruction is a known one, in order, and what is installed is what `make setup` installs."""
    lines = (ROOT / "Containerfile").read_text().replace("\\\n", " ").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    assert [name for name, _ in steps] == ["FROM", "RUN", "WORKDIR", "COPY", "RUN", "ENV", "CMD"]
    assert steps[0][1].rsplit(":")[-1].startswith("3.11."), "the Python of envs/*.yaml"
    assert steps[4][1] == "make setup"
    assert f"{steps[2][1]}/.venv/bin" in steps[5][1]


def test_container_leaves_out_what_git_ignores():
    """Nothing made here goes into the image, an environment of another machine least of all."""
    ignored = (ROOT / ".containerignore").read_text().split()
    assert {".venv*/", ".snakemake/", "results*/", "build/", "site/"} <= set(ignored)
