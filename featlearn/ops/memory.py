"""What becomes of the memory of tensors that are no longer needed."""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let this process keep the memory of freed tensors for the next ones.

    The C library gives large blocks back to the system at once, which then clears every new
    one page by page: in a training that makes and drops the same large tensors in every step
    that takes as long as some of its products. It changes the whole process, and so is for
    programs to call, not for libraries.

    Returns:
        Whether the C library can be told so; only that of GNU can.
    """
    try:
        tell = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(tell(_M_MMAP_THRESHOLD, _NEVER) and tell(_M_TRIM_THRESHOLD, _NEVER))
