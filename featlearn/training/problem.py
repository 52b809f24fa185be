"""What a training loop minimises."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from featlearn.training.optimizers import Group


class Problem(Protocol):
    """What a loop minimises, and over which samples."""

    @property
    def name(self) -> str:
        """Name of the phase, as metrics show it."""
        ...

    @property
    def samples(self) -> int:
        """How many samples an epoch has."""
        ...

    @property
    def module(self) -> nn.Module:
        """What holds everything that training changes."""
        ...

    @property
    def aside(self) -> nn.Module | None:
        """What training needs and changes beside that, and whose end nobody waits for."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        ...

    def groups(self) -> list[Group]:
        """Give the parameters, in groups for the optimiser."""
        ...

    def terms(self, rows: Tensor, draw: torch.Generator) -> dict[str, Tensor]:
        """Compute the loss's terms on the samples at `rows`."""
        ...

    def after_step(self) -> None:
        """Restore constraints; called before the first step too."""
        ...

    def held_out(self) -> dict[str, float] | None:
        """Measure held-out samples: terms and their sum `loss`; `None` if there are none.

        The loop asks under the precision that it trains in, so that both can be compared.
        """
        ...


@runtime_checkable
class EpochWise(Protocol):
    """A problem that does something when an epoch is over, before held-out samples are measured."""

    def after_epoch(self) -> None:
        """Take what steps are due once an epoch."""
        ...


@runtime_checkable
class Renewing(Protocol):
    """A problem that draws parameters anew between steps."""

    def renew(self, step: int, *, steps: int) -> Mapping[Tensor, Tensor]:
        """Draw some parameters anew, if it is time; called after `after_step`.

        Args:
            step: Steps that are done, this one included.
            steps: Steps of all epochs.

        Returns:
            By the parameter, which of its numbers were drawn, so that the optimiser forgets
            what it knew of them.
        """
        ...
