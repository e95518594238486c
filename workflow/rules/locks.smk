# Snakemake's locks after a power cut or a SIGKILL: they stay behind and would stop the next run. They are taken away here,
# but only where no other snakemake of this workflow can be alive. Each holds a shared lock of the kernel on
# `.snakemake/alive`, which ends with its process however that ends; only who holds it alone may clean up.
import contextlib
import fcntl
import socket
import sys
from pathlib import Path


def remove_stale(folder):
    """Remove Snakemake's locks in `folder` (.snakemake) where they are a dead run's; return the file to hold open.

    Kernel locks may not reach from one computer to another (it depends on the file system), so locks of another
    computer's run stay: Snakemake then says that the folder is locked, and its user decides. Raises OSError where the
    folder cannot be written or its file system has no kernel locks.
    """
    folder.mkdir(exist_ok=True)
    alive = open(folder / "alive", "a+")
    try:
        fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass  # Another one lives.
    else:
        clean(alive, list(folder.glob("locks/*.lock")))
    fcntl.flock(alive, fcntl.LOCK_SH)
    return alive


def clean(alive, stale):
    alive.seek(0)
    here, last = socket.gethostname(), alive.read()
    if not stale:
        alive.truncate(0)
        alive.write(here)
        alive.flush()
    elif last == here:
        print("The last run did not end by itself; its locks are removed, and it goes on.", file=sys.stderr)
        for lock in stale:
            lock.unlink(missing_ok=True)


if workflow.is_main_process and workflow.modifier.is_main_snakefile():
    # Where there are no kernel locks, Snakemake decides alone.
    with contextlib.suppress(OSError):
        ALIVE = remove_stale(Path(".snakemake"))
