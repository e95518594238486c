"""Where networks compute: an NVIDIA GPU where torch finds one, else the processor."""

import os
import sys
from dataclasses import dataclass

import torch

from simulate.stage import options
from simulate.stage.command import InputError

CHOICES = ("auto", "cpu", "cuda")
# What the machine's variable means to torch; another platform of OpenMM's leaves the choice.
SAID = {"cpu": "cpu", "CPU": "cpu", "Reference": "cpu", "gpu": "cuda", "CUDA": "cuda"}


@dataclass(frozen=True)
class Device:
    """A device that works here, what it is called, and why it was chosen."""

    torch: torch.device
    label: str
    why: str


def choose(name: str = "auto") -> Device:
    """Return the device called `name`; with "auto", what SUPERCOOLED_DEVICE says, or else the GPU where there is one.

    Raises InputError where it fails.
    """
    name = SAID.get(os.environ.get(options.DEVICE, ""), "auto") if name == "auto" else name
    if name == "cpu":
        return Device(torch.device("cpu"), "cpu", "requested")
    reason = _failure()
    if name == "cuda":
        if reason:
            raise InputError(f"--device cuda: does not work here ({reason}), expected auto or cpu")
        return Device(torch.device("cuda"), _label(), "requested")
    if reason:
        return Device(torch.device("cpu"), "cpu", f"cuda: {reason}")
    return Device(torch.device("cuda"), _label(), "works")


def announce(device: Device) -> None:
    """Say on the log where a network computes, and why."""
    print(f"device {device.label} ({device.why})", file=sys.stderr, flush=True)


def _label() -> str:
    return f"cuda ({torch.cuda.get_device_name()})"


def _failure() -> str:
    """Return why torch cannot compute on a GPU here; empty where it can."""
    if torch.version.cuda is None:
        return "this torch is built without it"
    if not torch.cuda.is_available():
        return "no GPU found"
    try:
        torch.ones(1, device="cuda").add_(1).item()
    except RuntimeError as error:
        return str(error).splitlines()[0]
    return ""
