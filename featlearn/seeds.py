"""Independent seeds from one: every random draw has a name of its own."""

import hashlib
import json
from typing import SupportsIndex

from featlearn.errors import UsageError


def derive(seed: int, *path: int | str) -> int:
    """Derive a seed for the draw that `path` names.

    Args:
        seed: The seed of the run.
        path: What the draw is for, such as `("noise", epoch, step)`. The number 1
            and the text "1" are different names.

    Returns:
        A number in [0, 2⁶³), the same on every platform and version.
    """
    parts = [part if isinstance(part, str) else int(part) for part in (seed, *path)]
    # JSON and not a joined text: no two paths have the same spelling.
    text = json.dumps(parts, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def whole_seed(seed: object, *, name: str) -> int:
    """Give a seed as it can be written down and read again.

    Args:
        seed: What was given.
        name: What it is called.

    Raises:
        UsageError: If that is no whole number of at least 0.
    """
    whole = None if isinstance(seed, bool) or not isinstance(seed, SupportsIndex) else int(seed)
    if whole is None or whole < 0:
        raise UsageError(f"{name} is a whole number of at least 0; got {seed!r}")
    return whole
