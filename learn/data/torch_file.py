"""Files of tensors and plain containers: written atomically, read without running anything they hold."""

import io
from pathlib import Path

import torch

from simulate.files import layout, store
from simulate.stage.command import InputError, check_file


def write(path: str | Path, content: dict) -> None:
    """Write tensors and plain containers, atomically. Raises OSError where the disk is full."""
    image = io.BytesIO()
    torch.save(content, image)
    # Through memory: torch reports a full disk as an error of its own.
    with store.replacing(path) as temporary:
        temporary.write_bytes(image.getbuffer())


def read(path: str | Path) -> dict:
    """Return the dictionary of a torch file that holds tensors and plain containers only.

    Raises InputError where it is anything else.
    """
    check_file(path)
    layout.archive(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises nearly anything for a damaged or foreign file.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: refused: expected tensors and plain containers only ({reason})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a checkpoint, found {type(content).__name__}")
    return content
