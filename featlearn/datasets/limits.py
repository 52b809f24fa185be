"""How much memory data may claim, checked before it is taken."""

import os
from pathlib import Path

from featlearn.errors import DataError
from featlearn.wording import human_bytes

MAX_SET_BYTES = 16 * 2**30
"""Decoded bytes of one set of images."""

MAX_IMAGE_PIXELS = 2**26
"""Pixels of one decoded image (8192 x 8192)."""

MAX_DEFLATE_RATIO = 1032
"""What a byte of deflate can expand to at most (its format sets the bound)."""

MAX_RATIO = 200
"""Unpacked bytes per packed byte of a file that unpacks to more than `FREE_BYTES`."""

FREE_BYTES = 2**27
"""A file that unpacks to less than this may be packed as well as it likes."""


def check_set_bytes(count: int, *, name: str) -> None:
    """Refuse a set that would not fit into memory.

    Raises:
        DataError: If `count` bytes are more than `MAX_SET_BYTES`, or than are free here.
    """
    free = free_memory()
    if count > MAX_SET_BYTES:
        bound = f"the {human_bytes(MAX_SET_BYTES)} that one set may take"
    elif free is not None and count > free:
        bound = f"the {human_bytes(free)} that are free here"
    else:
        return
    raise DataError(
        f"{name} would take {human_bytes(count)} of memory, more than {bound}; use a smaller "
        "`data.size`, fewer `data.crops`, or a `data.limit`"
    )


def check_expansion(unpacked: int, packed: int, *, name: str) -> None:
    """Refuse a packed file that is made to fill the memory.

    Args:
        unpacked: Bytes that it unpacks to, all that is read of it in sum.
        packed: Bytes of the file.
        name: What it is called in messages.

    Raises:
        DataError: If it unpacks to more than `FREE_BYTES` and `MAX_RATIO` times its size.
    """
    if unpacked > max(FREE_BYTES, MAX_RATIO * packed):
        raise DataError(
            f"{name} ({human_bytes(packed)}) would unpack to {human_bytes(unpacked)}, "
            "which looks like a zip bomb; write it anew, not packed"
        )


def free_memory() -> int | None:
    """Ask the system how many bytes of memory a program could take now.

    Returns:
        What Linux calls available (free, or given back when needed); elsewhere the
        whole memory; None where the system does not say.
    """
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
        return int(found[0]) * 1024
    except (OSError, ValueError, IndexError):
        return whole_memory()


def whole_memory() -> int | None:
    """Ask the system for the memory of the machine, in bytes; None where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
