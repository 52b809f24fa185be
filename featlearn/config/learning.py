"""What the specs of all objectives share."""

from typing import NamedTuple

from featlearn.config.banks import BankSpec
from featlearn.config.base import KindSpec
from featlearn.config.inputs import StageInput
from featlearn.config.pieces import AnyPoolSpec, StageActivation
from featlearn.geometry import MapShape


class Around(NamedTuple):
    """The rest of the stage that learns by an objective."""

    bank: BankSpec
    """Its filters."""

    activation: StageActivation
    pool: AnyPoolSpec | None
    input: StageInput
    """How its input is scaled."""

    patches: int | None
    """Side of the patches that it learns from, if it does."""


class LearningSpec(KindSpec, frozen=True, kw_only=True):
    """What every objective shares."""

    @property
    def tied(self) -> bool | None:
        """Whether the decoder is the adjoint of the filter; `None` where there is no decoder."""
        return None

    @property
    def offset(self) -> bool:
        """Whether the decoder has a bias."""
        return True

    @property
    def log_odds(self) -> bool:
        """Whether the decoder gives log-odds of inputs in [0, 1] instead of inputs."""
        return False

    @property
    def copies_filters(self) -> bool:
        """Whether a step computes filters from the weights, and holds both for the way back."""
        return False

    def remembered(self, units: int, inputs: int) -> int:
        """Count the numbers that it keeps from step to step beside the weights, where many.

        Args:
            units: Filters of the stage.
            inputs: Numbers that each sees.
        """
        return 0

    def check_against(self, around: Around) -> None:
        """Refuse a stage that cannot learn by this objective.

        Args:
            around: The rest of the stage.

        Raises:
            ValueError: With a sentence that names the keys.
        """

    def check_below(self, bank: BankSpec, below: MapShape) -> None:
        """Refuse maps below that filters cannot learn from by this objective.

        Args:
            bank: The filters of the stage.
            below: Shape of what they are given.

        Raises:
            ValueError: With a sentence that names the keys.
        """
