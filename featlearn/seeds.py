"""Independent seeds from one: every random draw has a name of its own."""

import hashlib


def derive(seed: int, *path: int | str) -> int:
    """Derive a seed for the draw that `path` names.

    Args:
        seed: The seed of the run.
        path: What the draw is for, such as `("noise", epoch, step)`.

    Returns:
        A number in [0, 2⁶³), the same on every platform and version.
    """
    text = "/".join([str(seed), *(f"{type(part).__name__}:{part}" for part in path)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
