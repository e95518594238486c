"""Coverage-guided fuzzing of the readers of files: `python -m tests.fuzz [SECONDS EACH] [READER ...]` (needs atheris).

Every reader runs in a process of its own; a file that it neither reads nor refuses is kept in `.fuzz/` and named.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz import readers

KEPT = Path(".fuzz")


def fuzz(name: str, seconds: str) -> None:
    """Fuzz one reader; libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["simulate", "learn", "analysis", "mdtraj.formats"]):
        import simulate.files.formats  # noqa: F401

    reader = readers.READERS[name]
    folder, corpus = (Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-")) for _ in range(2))
    readers.write_good(folder)
    for file in reader.good:
        (corpus / file).write_bytes((folder / file).read_bytes())

    def once(content: bytes) -> None:
        readers.attempt(reader, folder, content)

    KEPT.mkdir(exist_ok=True)
    options = [f"-max_total_time={seconds}", "-max_len=200000", "-timeout=60", "-rss_limit_mb=4096", "-close_fd_mask=0"]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={KEPT}/{name}-", str(corpus)], once)
    atheris.Fuzz()


def main() -> None:
    """Fuzz the named readers, or all, one after the other; the exit status is 1 where one was found wanting."""
    seconds, *names = sys.argv[1:] or ["60"]
    failed = []
    for name in names or readers.READERS:
        command = [sys.executable, "-W", "ignore", "-m", "tests.fuzz", "--one", name, seconds]
        done = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
        lines = (done.stdout + done.stderr).splitlines()
        runs = [line for line in lines if line.startswith("Done ")]
        print(f"{name}: {runs[-1] if runs else 'failed'}", flush=True)
        if done.returncode:
            failed.append(name)
            print("\n".join(lines[-25:]), flush=True)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        fuzz(*sys.argv[2:])
    main()
