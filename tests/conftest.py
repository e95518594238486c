"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of public reference data; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("SUPERCOOLED_REFERENCE", ROOT.parent / "shared" / "reference"))
    if not folder.is_dir():
        pytest.skip(f"no reference data at {folder}; set SUPERCOOLED_REFERENCE")
    return folder
