"""Specs of what fine-tuning learns from images without labels, beside those with."""

from typing import Annotated, Literal, get_args

import msgspec

from featlearn.config.base import (
    Count,
    Fraction,
    KindSpec,
    NonNegative,
    Positive,
    Probability,
    Spec,
)
from featlearn.config.data import AugmentSpec, MixupSpec

Decay = Annotated[float, msgspec.Meta(gt=0, lt=1)]
"""How much of itself an average keeps at every step: a number between 0 and 1."""


Spreading = Annotated[float, msgspec.Meta(gt=0, lt=1)]
"""How much of what a sample gives on comes from its neighbours: a number between 0 and 1."""

Compared = Literal["features", "images"]
"""What says which images are alike: what the head is given, or the pixels themselves."""


class SemiBase(KindSpec, frozen=True, kw_only=True):
    """What every way of learning from unlabelled images shares.

    The loss of the labelled images and `weight` times that of `batch` unlabelled ones, drawn
    anew in every step, are one sum. The weight is zero over the share `wait` of the steps,
    and rises over the share `ramp` that follows. The images are the training images of the
    run, or those of `source`, which are given the same size; labels are not looked at.
    """

    weight: Positive = 1.0
    wait: Fraction = 0.0
    ramp: Fraction = 0.2
    batch: Count = 128
    source: str | None = None

    def __post_init__(self) -> None:
        """The whole weight is to be reached."""
        if self.wait + self.ramp > 1:
            raise ValueError(
                "`wait` and `ramp` are shares of the steps, together at most 1; got "
                f"{self.wait:g} and {self.ramp:g}"
            )


class PseudoLabelSpec(SemiBase, frozen=True, kw_only=True, tag="pseudo-label"):
    """Take the network's own choice for the label (Lee 2013).

    Images whose likeliest class has a probability below `threshold` count nothing.
    """

    threshold: Probability = 0.0


class PiSpec(SemiBase, frozen=True, kw_only=True, tag="pi"):
    """Ask for the same answer twice (the Π model of Laine & Aila, ICLR 2017).

    Each image is changed and dropped out twice, and the squared difference of the two
    answers is what is minimised.
    """

    weight: Positive = 10.0


class MeanTeacherSpec(SemiBase, frozen=True, kw_only=True, tag="mean-teacher"):
    """Ask for the answer of an average of the network (Tarvainen & Valpola, NIPS 2017).

    The squared difference to the teacher, which averages the weights over the steps by
    `finetune.ema` (0.999 if absent) and sees another change of the image, is minimised.
    """

    weight: Positive = 10.0


class VATSpec(SemiBase, frozen=True, kw_only=True, tag="vat"):
    """Keep the answer in the worst direction (virtual adversarial training, Miyato et al. 2018).

    The direction in which the answer changes most is found by `iterations` of the power
    method at a distance of `probe`; `radius` is how far the image is moved along it. Both are
    Euclidean, of images in [0, 1]. Under `entropy` the answers are made sharp too.
    """

    radius: Positive = 1.5
    probe: Positive = 0.1
    iterations: Count = 1
    entropy: bool = True


class SpreadSpec(Spec, frozen=True, kw_only=True):
    """What labels that spread over a graph of like images say to a teacher.

    The graph, its `neighbours`, `components` and `alpha` are those of `propagation`, `of` the
    images themselves unless it says otherwise: a second view, wrong about other images than the
    teacher is (co-training, Blum & Mitchell 1998). The teacher's probabilities p and those that
    reach an image, q, become p · q^`weight`, divided by its sum.
    """

    weight: Positive = 3.0
    of: Compared = "images"
    neighbours: Count = 10
    components: Count = 64
    alpha: Spreading = 0.99


class FixMatchSpec(SemiBase, frozen=True, kw_only=True, tag="fixmatch"):
    """Teach a much changed image the label that is clear from itself (after Sohn et al. 2020).

    The teacher, an average of the network by `finetune.ema` (0.999 if absent), sees the image
    changed by `weak` (not at all if empty); where its likeliest class has a probability of at
    least `threshold`, that is the label of the image as `finetune.augment` changes it. With
    `align` the probabilities are first divided by their running mean and multiplied by the
    labelled images' share of each class (distribution alignment, Berthelot et al. 2020),
    where `align` is how much of itself that mean keeps at every step. With `spread` what labels
    say that spread over a graph of like images counts too.
    """

    threshold: Probability = 0.95
    weak: tuple[AugmentSpec, ...] = ()
    align: Decay | None = None
    spread: SpreadSpec | None = None

    def __post_init__(self) -> None:
        """A teacher sees one image at a time."""
        super().__post_init__()
        if any(isinstance(spec, MixupSpec) for spec in self.weak):
            raise ValueError(
                "`weak` has the kind 'mixup', which mixes what the teacher is to name: leave it out"
            )


class PropagationSpec(SemiBase, frozen=True, kw_only=True, tag="propagation"):
    """Let labels spread over a graph of like images (Iscen et al., CVPR 2019).

    Each image is joined to its `neighbours`, by the cosine between the first `components`
    principal components of what it is compared by: the features that the head is given, before
    fine-tuning changes them, or the images themselves (`of`). A label spreads along the joins,
    `alpha` of what it gives staying with each step, and an image counts as much as its label is
    clear.
    """

    of: Compared = "features"
    neighbours: Count = 10
    components: Count = 128
    alpha: Spreading = 0.99


class ReconstructionSpec(SemiBase, frozen=True, kw_only=True, tag="reconstruction"):
    """Go on rebuilding: the loss that pre-training gave each stage, through the whole stack.

    Of every stage that learns here and has an objective, on the output of the stages below,
    as in pre-training with `through` (stacked auto-encoders, Ranzato & Szummer, ICML 2008).
    """

    weight: Positive = 0.01


class WhatWhereSpec(SemiBase, frozen=True, kw_only=True, tag="what-where"):
    """Rebuild the image from the last stage's output (Zhao et al., ICLR workshop 2016).

    Downwards each stage undoes its pooling by where the image's own values came from. `between`
    weighs the errors between the stages against that of the image.
    """

    weight: Positive = 0.01
    between: NonNegative = 0.2


class LadderSpec(SemiBase, frozen=True, kw_only=True, tag="ladder"):
    """Denoise every layer by the one above (the ladder network, Rasmus et al., NIPS 2015).

    Gaussian noise is added to the images, as the first stage is given them, and to the
    responses of every stage and of the head; `noise` is its deviation, in deviations of a
    response over the batch. Labels are learned under it. `costs` weigh how well the images,
    each stage's responses and the answer are rebuilt, from the bottom; the last of them counts
    for all layers above too.
    """

    ramp: Fraction = 0.0
    noise: Positive = 0.3
    costs: Annotated[tuple[NonNegative, ...], msgspec.Meta(min_length=1)] = (1000.0, 10.0, 0.1)

    def __post_init__(self) -> None:
        """Something is to be rebuilt, and a batch to be normalised over."""
        super().__post_init__()
        _check_several(self)
        if not any(self.costs):
            raise ValueError("`costs` are all 0, so that nothing would be rebuilt")


class GammaSpec(SemiBase, frozen=True, kw_only=True, tag="ladder-gamma"):
    """Denoise the answer alone: the Γ model of Rasmus et al., NIPS 2015.

    As under `ladder`, with `noise` in every layer, but only the answer is rebuilt, from itself.
    """

    ramp: Fraction = 0.0
    noise: Positive = 0.3

    def __post_init__(self) -> None:
        """There is a batch to normalise over."""
        super().__post_init__()
        _check_several(self)


def _check_several(spec: SemiBase) -> None:
    """A ladder normalises its answer over the batch, unit by unit."""
    if spec.batch < 2:
        raise ValueError("`batch` must be at least 2 for a ladder, which normalises over it; got 1")


SemiSpec = (
    PseudoLabelSpec
    | PiSpec
    | MeanTeacherSpec
    | VATSpec
    | FixMatchSpec
    | PropagationSpec
    | ReconstructionSpec
    | WhatWhereSpec
    | LadderSpec
    | GammaSpec
)

SEMI_KINDS = tuple(str(spec.__struct_config__.tag) for spec in get_args(SemiSpec))
"""What the ways are called in a recipe."""
