"""Putting published weights into the stages of a stack."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from featlearn.errors import UsageError
from featlearn.networks.published import published_state
from featlearn.networks.stack import Stack


def load_stages(stack: Stack, path: Path | str, name: str | None) -> None:
    """Give a stack the published weights of its network; the last layer is left out.

    Args:
        stack: The stages of the network, in place.
        path: A safetensors file; see `published_state`.
        name: Of the network; `None` if the stack is of none.

    Raises:
        CheckpointError: If the weights are not those of the network.
        UsageError: If the stack is of no network.
    """
    if name is None:
        raise UsageError(
            'weights bear the names of a network: give the recipe one, as `network = "resnet18"` '
            "instead of [[stages]]"
        )
    own = by_stage_names(stack, stack.state_dict())
    stack.load_state_dict(by_places(stack, published_state(path, name, own, head=False)))


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
