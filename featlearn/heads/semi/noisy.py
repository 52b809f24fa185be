"""A classifier under noise, with what its layers answer on the way."""

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from featlearn.heads.classifier import Classifier
from featlearn.ops.ladder import Normalised, batch_normalised

Change = Callable[[Tensor], Tensor]


class Layers(NamedTuple):
    """What one pass through a classifier met, filled in while it runs.

    Attributes:
        images: What the lowest stage that learns was given, at most one entry; under noise
            with it.
        responses: Of every stage that learns, bottom first, and of the head, normalised
            over the batch; under noise with it.
    """

    images: list[Tensor]
    responses: list[Normalised]


def per_map(classifier: Classifier) -> list[bool]:
    """Say of every layer that learns, and of the answer, whether positions share weights."""
    stages = (classifier.stack.stage(k) for k in range(classifier.freeze, len(classifier.stack)))
    return [stage.filter.shared for stage in stages] + [False]


@contextmanager
def listening(
    classifier: Classifier, *, noise: float = 0.0, draw: torch.Generator | None = None
) -> Generator[Layers]:
    """Within it, passes through a classifier are recorded, and disturbed if there is noise.

    Noise is added to what the lowest stage that learns is given, and to the responses of every
    stage and of the head, there in units of their deviation over the batch.

    Args:
        classifier: Whose passes.
        noise: Deviation of the noise.
        draw: Source of it; needed if there is any.

    Yields:
        What the last pass met.
    """
    met = Layers([], [])

    def disturbed(x: Tensor) -> Tensor:
        if not noise:
            return x
        assert draw is not None, "noise needs a generator"
        return x + noise * torch.randn(x.shape, generator=draw, device=draw.device).to(x)

    def start(x: Tensor) -> Tensor:
        met.images.clear()
        met.responses.clear()
        x = disturbed(x)
        met.images.append(x)
        return x

    def answer_at(place: int) -> Change:
        def answer(x: Tensor) -> Tensor:
            found = batch_normalised(_as_maps(x.float()), per_map=shared[place])
            z = disturbed(found.z)
            met.responses.append(found._replace(z=z))
            return x if z is found.z else (z * found.deviation + found.mean).view(x.shape).to(x)

        return answer

    shared = per_map(classifier)
    with ExitStack() as hooks:
        modules = _layers(classifier)
        hooks.enter_context(_before(modules[0][0], start))
        for place, (_, last) in enumerate(modules):
            hooks.enter_context(_after(last, answer_at(place)))
        yield met


def _layers(classifier: Classifier) -> Sequence[tuple[nn.Module, nn.Module]]:
    """Give the first and the last module of every layer's linear map."""
    pairs: list[tuple[nn.Module, nn.Module]] = []
    for place in range(classifier.freeze, len(classifier.stack)):
        stage = classifier.stack.stage(place)
        norm = stage.filter_norm
        pairs.append((stage.filter, stage.filter if norm is None else norm))
    return [*pairs, (classifier.layers, classifier.layers)]


@contextmanager
def _before(module: nn.Module, change: Change) -> Generator[None]:
    """Change what a module is given."""

    def hook(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (change(given[0]), *given[1:])

    handle = module.register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _after(module: nn.Module, change: Change) -> Generator[None]:
    """Change what a module gives."""

    def hook(_: nn.Module, __: object, found: Tensor) -> Tensor:
        return change(found)

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def _as_maps(x: Tensor) -> Tensor:
    """Give answers `(batch, classes)` the axes of maps."""
    return x if x.ndim == 4 else x[:, :, None, None]
