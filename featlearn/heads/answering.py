"""What a head says of images: once each, or as the mean over changed copies of them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from featlearn.config.data import AugmentSpec, MixupSpec
from featlearn.datasets.augment import Augment, build_augment
from featlearn.errors import RecipeError
from featlearn.heads.classifier import Classifier
from featlearn.ops.random import generator
from featlearn.training.pictures import Pictures

_AT_ONCE = 256


def build_test_augment(specs: Sequence[AugmentSpec]) -> Augment:
    """Build the changes of images that a head was trained under, for use at test time.

    Raises:
        RecipeError: If there are none; mixing with another image is none.
    """
    kept = [spec for spec in specs if not isinstance(spec, MixupSpec)]
    if not kept:
        raise RecipeError(
            "test-time augmentation changes images as finetune.augment does, and the head was "
            "trained without any"
        )
    return build_augment(kept)


@torch.no_grad()
def outputs_of(
    classifier: Classifier,
    images: Pictures,
    *,
    augment: Augment | None = None,
    copies: int = 0,
    seed: int = 0,
) -> Tensor:
    """Compute the outputs for every image and for changed copies of it, as in use.

    Args:
        classifier: The head on its stack.
        images: What to look at.
        augment: How copies are changed.
        copies: How many there are of each image.
        seed: Seed of the changes; those of an image depend on its place too.

    Returns:
        `(1 + copies, n, outputs)`, the plain images first.
    """
    classifier.eval()
    rounds: list[Tensor] = []
    for number in range(1 + copies):
        outputs: list[Tensor] = []
        for place, batch in enumerate(images.batches(_AT_ONCE)):
            if number and augment is not None:
                draw = generator(seed, "test-time", number, place, device=images.device)
                batch = augment(batch, draw)  # noqa: PLW2901
            outputs.append(classifier(batch))
        rounds.append(torch.cat(outputs))
    return torch.stack(rounds)


def mean_answers(
    classifier: Classifier, outputs: Tensor, *, temperature: float | None = None
) -> Tensor:
    """Average what a user asks for (see `Classifier.answers`) over copies.

    Args:
        classifier: The head.
        outputs: `(copies, n, outputs)`, as `outputs_of` gives them.
        temperature: Of a classification that was calibrated.

    Returns:
        `(n, outputs)`.
    """
    return classifier.answers(outputs, temperature=temperature).mean(0)
