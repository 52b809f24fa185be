"""`evaluate --representation`: how stages represent images, beside random weights."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from torch import Tensor

from featlearn.datasets.source import open_splits
from featlearn.evaluate.health import brief_health
from featlearn.evaluate.representation import (
    StageRepresentation,
    cka_table,
    linear_cka,
    stack_representation,
    stage_features,
)
from featlearn.evaluate.selectivity import lifetime_kurtosis
from featlearn.heads.finetuning import untrained_stack
from featlearn.seeds import derive
from featlearn.training.pictures import Pictures
from featlearn.training.progress import Progress, Silent
from featlearn.training.settling import fitting_sample
from featlearn.visualize.tiles import spread
from featlearn.workflows.runs import check_shape, open_beside, open_run

MOST = 1000
"""Images that are looked at."""

_AT_ONCE = 100


class RunLikeness(msgspec.Struct, frozen=True, kw_only=True):
    """How like the stages of a run are to those of another.

    Attributes:
        run: The other run.
        stages: Names of its stages.
        cka: Linear CKA of each stage of the run with each of the other, on the same images.
    """

    run: str
    stages: tuple[str, ...]
    cka: tuple[tuple[float | None, ...], ...]


class RepresentationResult(msgspec.Struct, frozen=True, kw_only=True):
    """How the stages of a run represent images.

    Attributes:
        run: The run.
        source: Where the images came from.
        split: `test`, or `train` where no images are set apart.
        images: How many were looked at, from all over.
        stages: Figures of each stage.
        kurtosis: Lifetime kurtosis of each stage's units, their median: 0 for normal responses;
            `None` where no unit ever changes.
        random_weights: Figures of the same network with random weights.
        kurtosis_random: Its kurtosis.
        explained: Share of the variance of its input that each stage's code rebuilds; `None` for
            one that cannot.
        cka: Linear CKA of each stage's output with that of each, in [0, 1]; `None` where one
            answers all images alike.
        cka_random: Of each stage with the same stage with random weights.
        against: Beside other runs.
    """

    run: str
    source: str
    split: str
    images: int
    stages: tuple[StageRepresentation, ...]
    kurtosis: tuple[float | None, ...]
    random_weights: tuple[StageRepresentation, ...]
    kurtosis_random: tuple[float | None, ...]
    explained: tuple[float | None, ...]
    cka: tuple[tuple[float | None, ...], ...]
    cka_random: tuple[float | None, ...]
    against: tuple[RunLikeness, ...] = ()


def representation(
    path: Path | str,
    *,
    against: Sequence[Path | str] = (),
    root: Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> RepresentationResult:
    """Describe how every stage represents images: sparsity, rank, duplicates, likeness.

    Args:
        path: The run.
        against: Other runs, which take images of the same shape; they are given the run's images.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
        progress: Told how many images were gone through.

    Raises:
        FeatlearnError: If the run or the data stand in the way.
    """
    _, (stack, recipe, _), chosen = open_run(path, device=device, threads=threads)
    others = {str(other): open_beside(other, stack).stack.to(chosen) for other in against}
    progress = progress or Silent()
    splits = open_splits(recipe.data, root=root, seed=recipe.seed)
    train = check_shape(splits.train, stack.input_shape, chosen)
    images = splits.train if splits.test is None else splits.test
    sample = images.subset(spread(len(images), MOST))
    pictures = check_shape(sample, stack.input_shape, chosen)
    fitted = fitting_sample(recipe, train)
    seed = derive(recipe.seed, "representation")
    untrained = untrained_stack(recipe, stack, fitted, seed=seed).eval()
    try:
        stages = stack_representation(stack, _counted(pictures, progress, "the network"))
        random = stack_representation(untrained, _counted(pictures, progress, "random weights"))
        kept = stage_features(stack, _counted(pictures, progress, "likeness of stages"))
        random_kept = stage_features(untrained, pictures.batches(_AT_ONCE))
        health = brief_health(stack, range(len(stack)), pictures.batches(_AT_ONCE))
        own, control = list(kept.values()), list(random_kept.values())
        beside = [
            _likeness(name, own, stage_features(other, _counted(pictures, progress, name)))
            for name, other in others.items()
        ]
    finally:
        progress.stop()
    return RepresentationResult(
        run=str(path),
        source=recipe.data.source,
        split="train" if splits.test is None else "test",
        images=len(pictures),
        stages=tuple(stages),
        kurtosis=_figures([_kurtosis(part) for part in own]),
        random_weights=tuple(random),
        kurtosis_random=_figures([_kurtosis(part) for part in control]),
        explained=tuple(health[name].get("explained_variance") for name in stack.names),
        cka=_table(own, own),
        cka_random=_figures([linear_cka(a, b) for a, b in zip(own, control, strict=True)]),
        against=tuple(beside),
    )


def _likeness(run: str, own: Sequence[Tensor], theirs: dict[str, Tensor]) -> RunLikeness:
    """Compare a run's stages with those of another."""
    return RunLikeness(run=run, stages=tuple(theirs), cka=_table(own, list(theirs.values())))


def _table(
    some: Sequence[Tensor], others: Sequence[Tensor]
) -> tuple[tuple[float | None, ...], ...]:
    """Compare each representation with each."""
    return tuple(_figures(row.tolist()) for row in cka_table(some, others))


def _counted(pictures: Pictures, progress: Progress, words: str) -> Iterator[Tensor]:
    """Go through images in batches, and say how far it is."""
    done, of = 0, len(pictures)
    progress.count("images", done=done, of=of, words=words)
    for batch in pictures.batches(_AT_ONCE):
        yield batch
        done += len(batch)
        progress.count("images", done=done, of=of, words=words)


def _kurtosis(kept: Tensor) -> float:
    """Give the median over units of how rarely and how strongly they answer."""
    return float(lifetime_kurtosis(kept.split(_AT_ONCE)).nanmedian())


def _figures(row: Sequence[float]) -> tuple[float | None, ...]:
    """Put `None` where there is no number."""
    return tuple(None if math.isnan(value) else value for value in row)
