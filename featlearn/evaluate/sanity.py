"""Whether a network can learn at all: gradients, units that answer, a few images by heart."""

import copy
import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec
import torch
from torch import Tensor, nn

from featlearn.config.heads import ClassificationSpec
from featlearn.config.training import FinetuneSpec, LoopSpec
from featlearn.errors import TrainingError
from featlearn.heads.finetuning import start_finetuning
from featlearn.heads.losses import build_head_loss
from featlearn.heads.problem import logits_of
from featlearn.networks.stack import Stack
from featlearn.stages.stage import Stage
from featlearn.training.pictures import Pictures
from featlearn.training.problem import Problem
from featlearn.training.progress import Progress
from featlearn.training.trying import at_full_rate, tried_steps, unchanged

_EVERY = 10


class FirstSteps(NamedTuple):
    """What the first steps came to.

    Attributes:
        loss: Before the first; NaN if it is not finite.
        norms: Of the gradient of each part in the last of them; NaN if the loss was
            not finite by then.
    """

    loss: float
    norms: dict[str, float]


class ByHeart(NamedTuple):
    """How many images are still wrong after so many steps."""

    wrong: int
    images: int
    steps: int


class Dead(NamedTuple):
    """How many units, or maps where weights are shared, give the same for every image."""

    dead: int
    units: int
    maps: bool


def first_steps(
    problem: Problem,
    spec: LoopSpec,
    parts: Mapping[str, nn.Module],
    *,
    seed: int,
    steps: int = 1,
    term: str | None = None,
) -> FirstSteps:
    """Take the first steps of a training and look at the gradients; all is undone.

    Args:
        problem: What to minimise.
        spec: How it is trained; the gradient is measured before any clipping.
        parts: Parts of the network, by the names they have in the result.
        seed: Seed of order and noise.
        steps: A head that begins at zero passes no gradient down in its first step.
        term: Which term of the loss to give; their sum if absent.
    """
    plain = msgspec.structs.replace(spec, clip=None)
    loss = math.nan
    norms = dict.fromkeys(parts, math.nan)
    with unchanged(problem.module):
        try:
            for report in tried_steps(problem, plain, [spec.optimizer.lr] * steps, seed=seed):
                if report.step == 1:
                    loss = report.loss if term is None else report.terms[term]
        except TrainingError:
            return FirstSteps(loss, norms)
        norms = {name: gradient_norm(part) for name, part in parts.items()}
    return FirstSteps(loss, norms)


def gradient_norm(part: nn.Module) -> float:
    """Measure the length of the gradient that lies in a module's parameters."""
    gradients = [p.grad.flatten().double() for p in part.parameters() if p.grad is not None]
    return float(torch.linalg.vector_norm(torch.cat(gradients))) if gradients else 0.0


@torch.no_grad()
def dead_units(stage: Stage, inputs: Iterable[Tensor]) -> Dead:
    """Count what gives the same code for every image, or one that is not finite.

    Where weights are shared, whole maps are counted: a place that lies in an empty border
    is no fault of theirs.

    Args:
        stage: In evaluation mode.
        inputs: Its input maps `(batch, maps, height, width)`, before its own scaling.
    """
    shared = stage.filter.shared
    low: Tensor | None = None
    high: Tensor | None = None
    for maps in inputs:
        code = stage.code(stage.scaler(maps))
        dims = (0, 2, 3) if shared else (0,)
        least, most = code.amin(dims), code.amax(dims)
        low = least if low is None else torch.minimum(low, least)
        high = most if high is None else torch.maximum(high, most)
    if low is None or high is None:
        return Dead(0, 0, shared)
    spread = high - low
    reach = torch.maximum(high.abs(), low.abs()).max()
    alive = spread > 1e-6 * reach  # nothing is, where a code is not finite
    return Dead(int((~alive).sum()), spread.numel(), shared)


def learn_by_heart(
    stack: Stack,
    spec: FinetuneSpec,
    few: Pictures,
    *,
    sample: Pictures,
    seed: int,
    steps: int = 500,
    progress: Progress | None = None,
) -> ByHeart:
    """Train a classifier on a few images until none of them is wrong.

    Nothing that makes it harder is on: no augmentation, dropout, smoothing or decay. A
    copy of the stack is trained.

    Args:
        stack: The stages.
        spec: The head, the optimiser, and how many stages are frozen.
        few: Labelled images.
        sample: Training images to fit the scaling of the features on.
        seed: Seed of the head's weights and of order.
        steps: How many at most.
        progress: Told of every step.

    Raises:
        TrainingError: If the loss is no longer finite.
    """
    easy = _easy(spec, len(few))
    work = start_finetuning(_without_dropout(stack), easy, few, sample=sample, seed=seed)
    loss = build_head_loss(easy.head, work.classifier, few)
    labels = loss.aims(few)
    tries = tried_steps(
        work.loop.problem,
        easy,
        [easy.optimizer.lr] * steps,
        seed=seed,
        name="a few images by heart",
        progress=progress,
    )
    wrong, taken = len(few), 0
    for report in tries:
        taken = report.step
        if taken % _EVERY and taken < steps:
            continue
        errors = loss.wrong(logits_of(work.classifier, few), labels)
        wrong = int(errors.reshape(len(few), -1).any(1).sum())
        work.classifier.train()
        if wrong == 0:
            break
    tries.close()
    return ByHeart(wrong, len(few), taken)


def _easy(spec: FinetuneSpec, images: int) -> FinetuneSpec:
    """Leave everything out that keeps images from being learnt by heart."""
    head = msgspec.structs.replace(spec.head, dropout=0.0)
    if isinstance(head, ClassificationSpec):
        head = msgspec.structs.replace(head, smoothing=0.0)
    return msgspec.structs.replace(
        at_full_rate(spec),
        head=head,
        optimizer=msgspec.structs.replace(spec.optimizer, weight_decay=0.0),
        augment=(),
        semi=None,
        batch=images,
        steps=0,
    )


def _without_dropout(stack: Stack) -> Stack:
    """Copy a stack whose stages drop nothing."""
    copied = copy.deepcopy(stack)
    for place in range(len(copied)):
        stage = copied.stage(place)
        stage.spec = msgspec.structs.replace(stage.spec, dropout=0.0)
    return copied
