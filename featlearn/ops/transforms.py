"""Whether torch transforms what goes on, which operations of one's own do not survive."""

import torch
from torch._C._functorch import peek_interpreter_stack  # torch has no public word for it
from torch.autograd import forward_ad


def transformed() -> bool:
    """Tell whether a transform goes on that knows plain operations only.

    Such are those of `torch.func`, and derivatives that are taken forwards.
    """
    if torch.compiler.is_compiling():
        return False
    forwards = getattr(forward_ad, "_current_level", -1) >= 0  # nor for this
    return forwards or peek_interpreter_stack() is not None  # pyright: ignore[reportUnnecessaryComparison]
