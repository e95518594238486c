"""End with one line where this Python is outside the bound of pyproject.toml. Runs on any Python 3."""

import re
import sys

with open("pyproject.toml", encoding="utf-8") as file:
    bound = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', file.read())
low, high = int(bound.group(1)), int(bound.group(2))
if not (3, low) <= sys.version_info < (3, high):
    found = ".".join(map(str, sys.version_info[:2]))
    sys.exit(f"error: Python {found}, expected 3.{low} to 3.{high - 1}: make PYTHON=/path/to/python3.{high - 1}")
