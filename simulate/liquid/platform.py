"""Where OpenMM computes: a GPU platform where one works, else the CPU; chosen by trying.

The variable SUPERCOOLED_DEVICE says it for all stages of a machine: cpu, gpu, or the name of a platform.
"""

import os
import sys
from dataclasses import dataclass

import openmm

from simulate.stage import options
from simulate.stage.command import InputError

# Fastest first. The Reference platform is double precision on one core, for comparisons only.
PREFERENCE = ("CUDA", "HIP", "OpenCL", "CPU")
DEVICES = ("CUDA", "HIP", "OpenCL")


@dataclass
class Device:
    """A platform that works here, its properties, why it was chosen, and the name that goes into files."""

    platform: openmm.Platform
    properties: dict[str, str]
    why: str
    label: str

    @property
    def name(self) -> str:
        return self.platform.getName()


def choose(name: str = "auto", precision: str = "mixed") -> Device:
    """Return the platform called `name`: with "gpu" the fastest of a GPU here, with "auto" that or else the CPU.

    In place of "auto", the environment may say another name. `precision` (single, mixed, double) counts on GPUs. OpenCL
    is taken on its own accord only where its device is a GPU. Raises InputError where none is there or works.
    """
    name = os.environ.get(options.DEVICE, "auto") if name == "auto" else name
    kinds = {"auto": PREFERENCE, "gpu": DEVICES, "cpu": ("CPU",)}
    if name not in kinds:
        if name not in available():
            known = ", ".join(available())
            raise InputError(f"platform: {name!r}, expected auto, cpu, gpu or one of those available: {known}")
        device, reason = _try(name, precision)
        if device is None:
            raise InputError(f"platform: {name} does not work here ({reason})")
        device.why = "requested"
        return device
    failures: list[str] = []
    for candidate in kinds[name]:
        device, reason = _try(candidate, precision) if candidate in available() else (None, "not installed")
        if device is not None and candidate == "OpenCL" and not _is_gpu(device):
            reason, device = f"{device.label} is no GPU", None
        if device is not None:
            device.why = "; ".join([*failures, "works"])
            return device
        failures.append(f"{candidate}: {reason}")
    raise InputError(f"platform: {name}: none works here ({'; '.join(failures)})")


def announce(device: Device) -> None:
    """Say on the log which platform a run uses, and why."""
    print(f"platform {device.label} ({device.why})", file=sys.stderr, flush=True)


def available() -> list[str]:
    """Return the names of the platforms that OpenMM has loaded."""
    return [openmm.Platform.getPlatform(index).getName() for index in range(openmm.Platform.getNumPlatforms())]


def _try(name: str, precision: str) -> tuple[Device | None, str]:
    platform = openmm.Platform.getPlatformByName(name)
    properties = {"CPU": {"Threads": "1"}, "Reference": {}}.get(name, {"Precision": precision})
    system = openmm.System()
    system.addParticle(1.0)
    try:
        context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform, properties)
        label = _label(platform, context, properties)
    except openmm.OpenMMException as error:
        return None, " ".join(str(error).split())
    return Device(platform, properties, "", label), ""


def _label(platform: openmm.Platform, context: openmm.Context, properties: dict[str, str]) -> str:
    if platform.getName() == "CPU":
        # The formulation is part of what a result and a restart file say of themselves.
        return "CPU (pair forces in double precision)"
    details = [f"{key} {value}" for key, value in properties.items()]
    for key in ("DeviceName", "OpenCLPlatformName"):
        if key in platform.getPropertyNames():
            details.append(platform.getPropertyValue(context, key))
    return f"{platform.getName()} ({', '.join(details)})" if details else platform.getName()


def _is_gpu(device: Device) -> bool:
    # OpenMM does not tell a device's type; processors are offered by these two implementations.
    return not any(word in device.label.lower() for word in ("portable computing language", "cpu"))
