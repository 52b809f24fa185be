"""The recipe: one file that says everything about a run."""

import msgspec

from featlearn.config.architectures.catalogue import architecture, canonical_name
from featlearn.config.banks import DenseSpec
from featlearn.config.base import Name, NonNegativeInt, Positive, Spec
from featlearn.config.clusters import KMeansSpec
from featlearn.config.data import DataSpec, MixupSpec, PreprocessSpec
from featlearn.config.inputs import WhitenSpec
from featlearn.config.parts import CompositeSpec
from featlearn.config.pieces import BatchNormSpec
from featlearn.config.stages import StageSpec
from featlearn.config.tasks import TaskSpec
from featlearn.config.training import FinetuneSpec, OptimizerSpec, PlateauSpec, PretrainSpec
from featlearn.errors import UsageError

JOINT = "joint"
"""Name of the phase that trains all stages together; no stage may have it."""


class Recipe(Spec, frozen=True, kw_only=True):
    """A run in full: data, preparation, stages, training.

    `title`, `shows`, `expect` and `minutes` (on 2 CPU cores) are for people. `data` says
    what the images are, `preprocess` what is done to each before the first of the `stages`;
    `network` names a published one (`featlearn recipes` lists them) whose stages, preparation and
    head are taken where the recipe lists no stages of its own. `pretrain` says how stages learn
    without labels, `finetune` how they and a head learn with labels. `tasks` are several heads
    that learn together on the shared stages, by the rest of `finetune`; the first one's images
    make the epochs, the others give each step a batch drawn at random. `seed` is that of the
    weights, the order, the noise and the held-out images.
    """

    title: str
    data: DataSpec
    stages: tuple[StageSpec, ...]
    shows: str = ""
    expect: str = ""
    minutes: Positive | None = None
    seed: NonNegativeInt = 0
    network: Name | None = None
    preprocess: tuple[PreprocessSpec, ...] = ()
    pretrain: PretrainSpec = msgspec.field(default_factory=PretrainSpec)
    finetune: FinetuneSpec = msgspec.field(default_factory=FinetuneSpec)
    tasks: tuple[TaskSpec, ...] = ()

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
        self._check_network()
        self._check_tasks()
        self._check_held_out()
        self._check_joint()
        self._check_batches()

    def optimizer_of(self, stage: StageSpec) -> OptimizerSpec:
        """Give the optimiser of a stage: its own, or that of `[pretrain]`, at its own rate."""
        chosen = self.pretrain.optimizer if stage.optimizer is None else stage.optimizer
        return chosen if stage.lr is None else msgspec.structs.replace(chosen, lr=stage.lr)

    def _check_network(self) -> None:
        """A named network is one that there is, and the stages are its own, perhaps changed."""
        if self.network is None:
            return
        try:
            own = canonical_name(self.network)
        except UsageError as error:
            raise ValueError(str(error)) from None
        if own != self.network:
            raise ValueError(f"`network` is {self.network!r}, which is called {own!r} here")
        names = [stage.name for stage in architecture(own).stages]
        if [stage.name for stage in self.stages] != names:
            raise ValueError(
                f"it lists [[stages]] beside `network`, which are not those of {own} "
                f"({', '.join(names)}): leave out one of the two"
            )

    def _check_tasks(self) -> None:
        """Several tasks have several names, and only they have weights to learn."""
        names = [task.name for task in self.tasks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two tasks have the name {twice[0]!r}; each needs its own")
        if self.finetune.weighting != "fixed" and not self.tasks:
            raise ValueError("`finetune.weighting` belongs to a recipe with [[tasks]]")
        if any(isinstance(spec, MixupSpec) for spec in self.finetune.augment) and self.tasks:
            raise ValueError(
                "`finetune.augment` has the kind 'mixup', which is not for [[tasks]]: leave it out"
            )
        if self.finetune.semi is not None and self.tasks:
            raise ValueError("`finetune.semi` is not for [[tasks]]: leave out one of the two")

    def _check_held_out(self) -> None:
        """Nothing can be learned from a held-out loss where nothing is held out."""
        spec = self.pretrain
        needs = "patience" if spec.patience is not None else "rate"
        if self.data.hold_out == 0 and (needs == "patience" or isinstance(spec.rate, PlateauSpec)):
            raise ValueError(
                f"`pretrain.{needs}` follows the held-out loss: set `data.hold_out` above 0"
            )

    def _check_joint(self) -> None:
        """Refuse what does not go with stages that learn together."""
        for stage in self.stages if self.pretrain.schedule == "joint" else ():
            keys = ("epochs", "optimizer", "lr")
            own = next((key for key in keys if getattr(stage, key) is not None), None)
            if own is not None:
                key = "optimizer.lr" if own == "lr" else own
                raise ValueError(
                    f"stage {stage.name!r} has its own `{own}`, but `pretrain.schedule` is "
                    f'"joint", which trains all stages alike: set `pretrain.{key}` instead'
                )

        for stage in self.stages if self.pretrain.schedule != "greedy" else ():
            if isinstance(stage.input, WhitenSpec):
                raise ValueError(
                    f"stage {stage.name!r} whitens its input by numbers measured once, which do "
                    "not follow stages below that go on learning: set "
                    '`pretrain.schedule = "greedy"`'
                )
        for stage in self.stages if self.pretrain.schedule == "greedy-then-joint" else ():
            if isinstance(stage.objective, KMeansSpec) and stage.objective.distance == "squared":
                raise ValueError(
                    f"stage {stage.name!r} learns clusters of points, which begin anew on samples "
                    "when a phase begins, so that a joint phase would forget the greedy one: set "
                    '`pretrain.schedule` to "greedy" or "joint"'
                )
        for stage in self.stages if self.pretrain.recompute else ():
            inside = isinstance(stage.filter, CompositeSpec) or stage.filter.norm is not None
            if inside or isinstance(stage.norm, BatchNormSpec):
                raise ValueError(
                    f"stage {stage.name!r} has batch normalisation, whose running statistics "
                    "`pretrain.recompute` would count twice: leave out one of the two"
                )

    def _check_batches(self) -> None:
        """Batches of one image have no statistics where a map has a single position."""
        joint = self.pretrain.schedule != "greedy"
        tables = (
            ("pretrain", self.pretrain.batch, self.stages[:-1] if joint else ()),
            ("finetune", self.finetune.batch, self.stages[self.finetune.freeze :]),
        )
        for table, batch, stages in tables:
            for stage in stages if batch == 1 else ():
                dense = isinstance(stage.filter, DenseSpec) and stage.filter.size is None
                inside = isinstance(stage.filter, DenseSpec) and stage.filter.norm is not None
                if dense and (inside or isinstance(stage.norm, BatchNormSpec)):
                    raise ValueError(
                        f"stage {stage.name!r} has batch normalisation over single positions, "
                        f"which needs `{table}.batch` above 1"
                    )
