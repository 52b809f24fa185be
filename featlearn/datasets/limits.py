"""How much memory data may claim, checked before it is taken."""

from featlearn.errors import DataError

MAX_SET_BYTES = 16 * 2**30
"""Decoded bytes of one set of images."""

MAX_IMAGE_PIXELS = 2**26
"""Pixels of one decoded image (8192 x 8192)."""

MAX_DEFLATE_RATIO = 1032
"""What a byte of deflate can expand to at most (its format sets the bound)."""


def check_set_bytes(count: int, *, name: str) -> None:
    """Refuse a set that would not fit into memory.

    Raises:
        DataError: If `count` bytes are more than `MAX_SET_BYTES`.
    """
    if count > MAX_SET_BYTES:
        raise DataError(
            f"{name} would take {human_bytes(count)} of memory, more than the "
            f"{human_bytes(MAX_SET_BYTES)} that one set may take; use a smaller `data.size`, "
            "fewer `data.crops`, or a `data.limit`"
        )


def human_bytes(count: float) -> str:
    """Write a number of bytes as people say it: `12.4 MB`."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
