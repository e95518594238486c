"""What every `python -m ...` stage shares: user errors in one line, and progress."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tqdm import tqdm


class InputError(Exception):
    """A user's mistake: the message names the file or key, and what was expected."""


def check_file(path: str | Path) -> None:
    """Raise InputError where there is no file of that name."""
    if Path(path).is_dir():
        raise InputError(f"{path}: a folder, expected a file")
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")


def warn(message: str) -> None:
    """Say in one line what a user should know of a result that is given all the same."""
    print(f"warning: {message}", file=sys.stderr, flush=True)


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


class Terminated(BaseException):
    """The stage was told to end and has nothing to save. No Exception: what catches those would go on."""


_stop: dict = {"requested": False, "polled": False, "raised": None}


def stop_requested() -> bool:
    """Return whether SIGTERM or SIGURG has arrived: a long loop then writes its restart file and raises Interrupted."""
    return _stop["requested"]


@contextlib.contextmanager
def polling(polled: bool = True) -> Iterator[None]:
    """Say that what runs inside asks `stop_requested` time and again (or not): SIGTERM does not end it by itself."""
    before, _stop["polled"] = _stop["polled"], polled
    try:
        yield
    finally:
        _stop["polled"] = before


def reraise() -> None:
    """Raise what a signal raised inside a native call, where the call has swallowed it or made something else of it."""
    if _stop["raised"] is not None:
        raise _stop["raised"]


def _on_signal(number: int, _: object) -> None:
    if number == signal.SIGINT:
        _stop["raised"] = KeyboardInterrupt()
    elif _stop["polled"]:
        _stop["requested"] = True
    elif number == signal.SIGTERM:
        _stop["raised"] = Terminated("stopped by SIGTERM")
    reraise()


def run(main: Callable[[], None]) -> None:
    """Run a stage's main function and end the process.

    Exit status: 0 done; 2 a user's mistake; 1 the system failed us (disk full, no permission);
    130 interrupted from the keyboard; 143 stopped by SIGTERM, or by SIGURG: a queue warns with that one, because
    shells, Snakemake and a Python that is still starting live through it. A stage that polls (`polling`) is stopped
    by either once its restart file is written; any other by SIGTERM, at once: it may still end well after a warning.
    """
    for warning in (signal.SIGTERM, signal.SIGURG):
        signal.signal(warning, _on_signal)
    # Whoever starts us in the background may have it ignored.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _on_signal)
    status = 0
    try:
        main()
    except InputError as error:
        status = _report(error, 2)
    except (OSError, MemoryError) as error:
        status = _report(error or type(error).__name__, 1)
    except (Interrupted, Terminated) as error:
        status = _report(error, 143)
    except KeyboardInterrupt:
        status = _report("interrupted", 130)
    sys.exit(status)


def _report(error: object, status: int) -> int:
    message = " ".join(str(error).split())
    print(f"error: {message}", file=sys.stderr, flush=True)
    return status


def progress(total: int | None, label: str, unit: str = "step") -> tqdm:
    """Return a progress bar: count, rate and time left; drawn rarely where the output is a log file."""
    interval = 0.2 if sys.stderr.isatty() else 10
    return tqdm(total=total, desc=label, unit=unit, unit_scale=True, mininterval=interval, file=sys.stderr)
