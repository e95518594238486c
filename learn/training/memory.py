"""Keep freed memory in the process, for loops that allocate the same large arrays in every step."""

import ctypes
import sys

# malloc.h of the GNU C library.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> bool:
    """Ask the allocator not to return freed memory to the system; return whether it could be asked.

    The GNU C library maps every array above 32 MiB anew and gives it back at once; each page is then cleared and
    faulted in again in every step. The process keeps its peak memory from then on.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return all(
        mallopt(name, value) == 1
        for name, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 64 << 20))
    )
