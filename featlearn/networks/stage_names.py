"""Names of weights by the names of stages, where modules know their places only."""

from collections.abc import Mapping

from torch import Tensor

from featlearn.networks.stack import Stack


def by_stage_names(
    stack: Stack, state: Mapping[str, Tensor], prefix: str = ""
) -> dict[str, Tensor]:
    """Write the names of stages where `stages.PLACE` stands.

    Args:
        stack: Whose stages they are.
        state: Tensors of the stack by name.
        prefix: What stands before `stages`.
    """
    return {_renamed(key, _names(stack, prefix)): tensor for key, tensor in state.items()}


def by_places(stack: Stack, state: Mapping[str, Tensor], prefix: str = "") -> dict[str, Tensor]:
    """Undo `by_stage_names`."""
    back = {there: here for here, there in _names(stack, prefix).items()}
    return {_renamed(key, back): tensor for key, tensor in state.items()}


def _names(stack: Stack, prefix: str) -> dict[str, str]:
    """Give how names begin by the place of a stage, and how by its own name."""
    return {f"{prefix}stages.{place}.": f"{name}." for place, name in enumerate(stack.names)}


def _renamed(key: str, starts: Mapping[str, str]) -> str:
    """Change the beginning of a name."""
    for start, other in starts.items():
        if key.startswith(start):
            return other + key.removeprefix(start)
    return key
