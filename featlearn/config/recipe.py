"""The recipe: one file that says everything about a run."""

import msgspec

from featlearn.config.base import NonNegativeInt, Spec
from featlearn.config.data import DataSpec, PreprocessSpec
from featlearn.config.stages import StageSpec
from featlearn.config.training import FinetuneSpec, PlateauSpec, PretrainSpec

JOINT = "joint"
"""Name of the phase that trains all stages together; no stage may have it."""


class Recipe(Spec, frozen=True, kw_only=True):
    """A run in full: data, preparation, stages, training.

    `title`, `shows`, `expect` and `minutes` (on 2 CPU cores) are for people.
    """

    title: str
    data: DataSpec
    stages: tuple[StageSpec, ...]
    shows: str = ""
    expect: str = ""
    minutes: float | None = None
    seed: NonNegativeInt = 0
    preprocess: tuple[PreprocessSpec, ...] = ()
    pretrain: PretrainSpec = msgspec.field(default_factory=PretrainSpec)
    finetune: FinetuneSpec = msgspec.field(default_factory=FinetuneSpec)

    def __post_init__(self) -> None:
        """Refuse a recipe whose parts do not go together."""
        names = [stage.name for stage in self.stages]
        if not names:
            raise ValueError("a recipe needs at least one [[stages]]")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two stages have the name {twice[0]!r}; each needs its own")
        if JOINT in names:
            raise ValueError(f"{JOINT!r} is the name of a phase; give the stage another")
        if self.finetune.freeze > len(names):
            raise ValueError(
                f"`finetune.freeze` is {self.finetune.freeze}, but there are {len(names)} stages"
            )
        self._check_held_out()

    def _check_held_out(self) -> None:
        """Nothing can be learned from a held-out loss where nothing is held out."""
        spec = self.pretrain
        needs = "patience" if spec.patience is not None else "rate"
        if self.data.hold_out == 0 and (needs == "patience" or isinstance(spec.rate, PlateauSpec)):
            raise ValueError(
                f"`pretrain.{needs}` follows the held-out loss: set `data.hold_out` above 0"
            )
