"""What every `python -m ...` stage shares: user errors in one line, and progress."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator

from tqdm import tqdm


class InputError(Exception):
    """A user's mistake: the message names the file or key, and what was expected."""


@contextlib.contextmanager
def about(name: object) -> Iterator[None]:
    """Say in front of any user error that arises here which file it is about."""
    try:
        yield
    except InputError as error:
        message = str(error)
        raise InputError(message if str(name) in message else f"{name}: {message}") from None


class Interrupted(Exception):
    """The queue or the user asked the stage to stop; its restart file is written."""


_stop = {"requested": False}


def stop_requested() -> bool:
    """Return whether SIGTERM or SIGURG has arrived: a long loop then writes its restart file and raises Interrupted."""
    return _stop["requested"]


def run(main: Callable[[], None]) -> None:
    """Run a stage's main function and end the process.

    Exit status: 0 done; 2 a user's mistake; 1 the system failed us (disk full, no permission);
    130 interrupted from the keyboard; 143 stopped by SIGTERM, or by SIGURG: a queue warns with that one, because
    shells, Snakemake and a Python that is still starting live through it.
    """
    for warning in (signal.SIGTERM, signal.SIGURG):
        signal.signal(warning, lambda *_: _stop.update(requested=True))
    status = 0
    try:
        main()
    except InputError as error:
        status = _report(error, 2)
    except (OSError, MemoryError) as error:
        status = _report(error or type(error).__name__, 1)
    except Interrupted as error:
        status = _report(error, 143)
    except KeyboardInterrupt:
        status = _report("interrupted", 130)
    sys.exit(status)


def _report(error: object, status: int) -> int:
    message = " ".join(str(error).split())
    print(f"error: {message}", file=sys.stderr, flush=True)
    return status


def progress(total: int, label: str, unit: str = "step") -> tqdm:
    """Return a progress bar: count, rate and time left; drawn rarely where the output is a log file."""
    interval = 0.2 if sys.stderr.isatty() else 10
    return tqdm(total=total, desc=label, unit=unit, unit_scale=True, mininterval=interval, file=sys.stderr)
