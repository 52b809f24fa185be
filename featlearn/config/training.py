"""Specs of training: optimisers, learning rates, schedules, heads."""

from typing import Annotated, Literal

import msgspec

from featlearn.config.base import (
    Count,
    Fraction,
    KindSpec,
    NonNegative,
    NonNegativeInt,
    Positive,
    Spec,
)
from featlearn.config.data import AugmentSpec, MixupSpec
from featlearn.config.heads import ClassificationSpec, HeadSpec
from featlearn.config.semi import (
    Decay,
    FixMatchSpec,
    GammaSpec,
    LadderSpec,
    PiSpec,
    ReconstructionSpec,
    SemiSpec,
    WhatWhereSpec,
)


class OptimizerBase(KindSpec, frozen=True, kw_only=True):
    """What every optimiser shares.

    `lr` is the learning rate, `weight_decay` draws weights towards zero. Biases and the
    scales of normalisation do not decay.
    """

    lr: Positive = 1e-3
    weight_decay: NonNegative = 0.0


class SGDSpec(OptimizerBase, frozen=True, kw_only=True, tag="sgd"):
    """Stochastic gradient descent, with `momentum`, Nesterov's under `nesterov`."""

    momentum: Fraction = 0.9
    nesterov: bool = False

    def __post_init__(self) -> None:
        """Nesterov's step is a step of momentum."""
        if self.nesterov and self.momentum == 0:
            raise ValueError("`nesterov` needs a `momentum` above 0")


class AdaGradSpec(OptimizerBase, frozen=True, kw_only=True, tag="adagrad"):
    """AdaGrad (Duchi et al. 2011); `eps` is added to the divisor."""

    eps: Positive = 1e-10


class RMSpropSpec(OptimizerBase, frozen=True, kw_only=True, tag="rmsprop"):
    """RMSprop (Tieleman & Hinton 2012).

    `alpha` is how much of the mean square stays from step to step, `eps` is added to the
    divisor, `momentum` is that of the steps.
    """

    alpha: Fraction = 0.99
    momentum: Fraction = 0.0
    eps: Positive = 1e-8


class AdamSpec(OptimizerBase, frozen=True, kw_only=True, tag="adam"):
    """Adam (Kingma & Ba 2015).

    `betas` are how much of the mean and of the mean square of the gradient stays from step
    to step, `eps` is added to the divisor.
    """

    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    eps: Positive = 1e-8


class AdamWSpec(OptimizerBase, frozen=True, kw_only=True, tag="adamw"):
    """AdamW: Adam with decay apart from the gradient (Loshchilov & Hutter 2019).

    `betas` and `eps` are those of Adam.
    """

    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    eps: Positive = 1e-8


OptimizerSpec = SGDSpec | AdaGradSpec | RMSpropSpec | AdamSpec | AdamWSpec


class ConstantSpec(KindSpec, frozen=True, kw_only=True, tag="constant"):
    """The same learning rate throughout, after `warmup` steps that rise to it evenly.

    The first of these takes 1 / (`warmup` + 1) of the rate. They must leave a step at the
    full rate.
    """

    warmup: NonNegativeInt = 0


class StepSpec(KindSpec, frozen=True, kw_only=True, tag="step"):
    """Multiply by `factor` at the end of every `every` epochs."""

    every: Count
    factor: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.1


class CosineSpec(KindSpec, frozen=True, kw_only=True, tag="cosine"):
    """Half a cosine down to `floor` times the rate, which the last step takes.

    Before it come `warmup` steps that rise to the rate, as under `constant`.
    """

    warmup: NonNegativeInt = 0
    floor: Fraction = 0.0


class OneCycleSpec(KindSpec, frozen=True, kw_only=True, tag="one-cycle"):
    """Up to the rate over the first `rise` of the steps, then down (Smith 2018).

    The first step takes `start` times the rate, the last one `floor` times; both ways are
    half a cosine. Where there are only two steps, the first takes the rate itself.
    """

    rise: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.3
    start: Fraction = 0.04
    floor: Fraction = 1e-4


class PlateauSpec(KindSpec, frozen=True, kw_only=True, tag="plateau"):
    """Multiply by `factor` when the held-out loss has not fallen for `patience` epochs."""

    patience: Count = 3
    factor: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.3


ScheduleSpec = ConstantSpec | StepSpec | CosineSpec | OneCycleSpec | PlateauSpec
Precision = Literal["float32", "bfloat16"]


class LoopSpec(Spec, frozen=True, kw_only=True):
    """What pre-training and fine-tuning share.

    An epoch is once through the training images, `batch` of them in each step of the
    `optimizer`; there are `epochs` for each phase. `augment` changes images at random, anew
    in every step. `rate` is the schedule of the learning rate, `clip` bounds the norm of the
    gradient, `patience` stops after that many epochs without a better held-out
    loss and keeps the best weights. `precision = "bfloat16"` computes products
    under autocast; weights stay in float32. `update = "backward"` changes every weight as soon
    as its gradient is known, and frees that: the same numbers (on a GPU up to
    rounding) in less memory, but without `clip`, which needs all gradients at once.
    """

    epochs: Count = 5
    batch: Count = 128
    optimizer: OptimizerSpec = msgspec.field(default_factory=AdamWSpec)
    rate: ScheduleSpec = msgspec.field(default_factory=ConstantSpec)
    clip: Positive | None = None
    patience: Count | None = None
    precision: Precision = "float32"
    update: Literal["step", "backward"] = "step"
    augment: tuple[AugmentSpec, ...] = ()

    def __post_init__(self) -> None:
        """Each kind of change has one amount."""
        kinds = [str(spec.__struct_config__.tag) for spec in self.augment]
        twice = next((kind for kind in kinds if kinds.count(kind) > 1), None)
        if twice is not None:
            raise ValueError(f"`augment` names the kind {twice!r} twice; once is enough")
        if self.update == "backward" and self.clip is not None:
            raise ValueError('`clip` needs all gradients at once: leave out `update = "backward"`')


class ResampleSpec(Spec, frozen=True, kw_only=True):
    """Draw filters that never answer anew, from inputs that were rebuilt worst.

    After `every` so many steps of a phase, `times` times at most and not after its last step, the
    stages that learn are shown `images` of the training images. A filter whose code never
    changes, or under k-means one that is never the nearest, becomes the direction of
    what it could have seen: an input that is drawn with a chance that grows with the squared error
    of its reconstruction, where there is one (Bricken et al. 2023; Coates & Ng 2012, for k-means).
    """

    every: Count
    times: Count = 4
    images: Count = 1000


class PretrainSpec(LoopSpec, frozen=True, kw_only=True):
    """Unsupervised training of the stages.

    `schedule` says whether they learn one after the other, together, or both. `fit_samples`
    is how many training images the standardisation of a stage's input, whitening and batch
    statistics are fitted on. `joint_epochs` are those of the joint part of
    greedy-then-joint; `through` lets the joint gradient flow into lower stages. `recompute`
    keeps of each stage in joint training only its input, and computes the rest again on the
    way back: the same numbers in more time and less memory. `resample` draws filters of dead
    units anew.
    """

    schedule: Literal["greedy", "joint", "greedy-then-joint"] = "greedy"
    joint_epochs: Count | None = None
    through: bool = False
    recompute: bool = False
    fit_samples: Count = 10_000
    resample: ResampleSpec | None = None

    def __post_init__(self) -> None:
        """Refuse keys that the schedule would ignore."""
        super().__post_init__()
        if self.joint_epochs is not None and self.schedule != "greedy-then-joint":
            raise ValueError('`joint_epochs` belongs to `schedule = "greedy-then-joint"`')
        if self.through and self.schedule == "greedy":
            raise ValueError("`through` belongs to a joint schedule")
        if self.recompute and self.schedule == "greedy":
            raise ValueError("`recompute` belongs to a joint schedule")
        if any(isinstance(spec, MixupSpec) for spec in self.augment):
            raise ValueError(
                "`augment` has the kind 'mixup', which mixes labels too, and pre-training has "
                "none: it belongs to `finetune.augment`"
            )


class FinetuneSpec(LoopSpec, frozen=True, kw_only=True):
    """Supervised training of a `head`, and of the stages above `freeze`.

    `stack_lr` multiplies the learning rate of the stages (to leave them as they are,
    `freeze` them), and `decay_by_stage` once more that of each stage under the last one, for
    every stage that it is further down (Howard & Ruder, ACL 2018, divide by 2.6).
    `batch_statistics = "frozen"` leaves the running statistics of batch normalisation in the
    stages as they are, and normalises by them while training, too: what few labels would measure
    badly stays as it was learned. `steps` is the least number of steps, whatever the number of
    labels: epochs are added until it is reached. `ema` averages the weights: after every step the
    average keeps this share of itself (less in the first steps: (1 + t) / (10 + t) after t steps)
    and takes the rest from the weights. It, with running statistics averaged alike, is what is
    measured on held-out images, kept and used. `semi` learns from images without labels, too.
    `weighting` says whether the weights of several `tasks` are fixed, as each says, or learned:
    `uncertainty` gives each task a number s and adds exp(-s) loss + s / 2 (half of the first for a
    squared error), so that a task whose error stays large weighs less (Kendall, Gal & Cipolla,
    CVPR 2018).
    """

    head: HeadSpec = msgspec.field(default_factory=ClassificationSpec)
    freeze: NonNegativeInt = 0
    stack_lr: Positive = 1.0
    decay_by_stage: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    batch_statistics: Literal["running", "frozen"] = "running"
    steps: NonNegativeInt = 0
    ema: Decay | None = None
    semi: SemiSpec | None = None
    weighting: Literal["fixed", "uncertainty"] = "fixed"

    def __post_init__(self) -> None:
        """Refuse a way of learning without labels that this fine-tuning cannot take."""
        super().__post_init__()
        if self.semi is None:
            return
        kind = str(self.semi.__struct_config__.tag)
        softmax = isinstance(self.head, ClassificationSpec) and self.head.loss == "softmax"
        if not (softmax or isinstance(self.semi, ReconstructionSpec | WhatWhereSpec)):
            raise ValueError(
                f"`semi` of kind {kind!r} compares probabilities of classes: it needs a head of "
                "kind 'classification' with `loss = \"softmax\"`"
            )
        if isinstance(self.semi, LadderSpec | GammaSpec) and self.batch < 2:
            raise ValueError(
                f"`batch` must be at least 2 for `semi` of kind {kind!r}, which normalises over "
                f"it; got {self.batch}"
            )
        # Mixing is not a change of an image that keeps its class.
        changes = [spec for spec in self.augment if not isinstance(spec, MixupSpec)]
        if isinstance(self.semi, PiSpec | FixMatchSpec) and not changes:
            raise ValueError(
                f"`semi` of kind {kind!r} compares an image with its changes: name some in "
                "`augment`"
            )
