"""Run a stage on a GPU that no other stage of this user has: `python workflow/on_a_device.py 0,1 python -m STAGE ...`.

The GPU is held by a file lock that the stage inherits: however the stage ends, its GPU is free again. Commands that
compute on no GPU run at once. Snakemake puts this before every command on a workstation (workflow/rules/common.smk).
"""

import fcntl
import os
import sys
import tempfile
import time
from pathlib import Path

STAGES = {f"simulate.{name}" for name in ("equilibrate", "relaxation_run", "isoconfigurational", "inherent_structure")}
STAGES |= {"learn.train"}
# CUDA and NVIDIA's OpenCL; HIP; AMD's OpenCL.
VARIABLES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL")


def take(devices: list[str]) -> str:
    """Wait for a free device, lock it for this process and what it becomes, and return it."""
    folder = Path(tempfile.gettempdir()) / f"supercooled-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    while True:
        for device in devices:
            lock = os.open(folder / f"device-{device}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            os.set_inheritable(lock, True)
            return device
        time.sleep(0.2)


def main() -> None:
    devices, command = sys.argv[1].split(","), sys.argv[2:]
    if STAGES & set(command):
        os.environ |= dict.fromkeys(VARIABLES, take(devices))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
