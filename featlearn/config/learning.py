"""What the specs of all objectives share."""

from typing import NamedTuple

from featlearn.config.banks import BankSpec
from featlearn.config.base import KindSpec
from featlearn.config.inputs import StageInput
from featlearn.config.pieces import AnyPoolSpec, StageActivation


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

    def check_against(self, around: Around) -> None:
        """Refuse a stage that cannot learn by this objective.

        Args:
            around: The rest of the stage.

        Raises:
            ValueError: With a sentence that names the keys.
        """
