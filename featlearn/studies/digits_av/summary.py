"""Sums of trainings: means over draws and seeds, their intervals, and paired differences."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from featlearn.evaluate.bootstrap import bootstrap_means
from featlearn.evaluate.paired import Interval, mean_interval
from featlearn.studies.digits_av.hearing import SHARED, Draw
from featlearn.studies.digits_av.noisy_nets import ALONE, NoisyNet
from featlearn.studies.digits_av.results import Compared, Ends, Fused, Method, Point, Repeated

Groups = Mapping[Literal["image", "recording"], NDArray[np.generic]]
"""Which image, and which recording, each test sample is of."""

K = TypeVar("K", bound=Hashable)
Values = NDArray[np.float64]


def repeated(values: Mapping[K, Values], groups: Groups) -> dict[K, Repeated]:
    """Bound figures over trainings and test samples, all by the same resamples.

    Args:
        values: By name, `(trainings, samples)`.
        groups: By what the samples are drawn.
    """
    names = [*values]
    means = np.stack([values[name].mean(0) for name in names], 1)
    ends = {by: bootstrap_means(means, groups=group) for by, group in groups.items()}
    found: dict[K, Repeated] = {}
    for place, name in enumerate(names):
        each = values[name].mean(1).tolist()
        bounds = {f"by_{by}": _ends(intervals[place]) for by, intervals in ends.items()}
        if len(each) > 1:
            bounds["by_training"] = _ends(mean_interval(each))
        rounded = [round(one, 6) for one in each]
        found[name] = Repeated(mean=round(float(np.mean(each)), 6), each=rounded, **bounds)
    return found


def methods_of(draws: Sequence[Draw], *, images: int, recordings: int) -> list[Method]:
    """Sum up the draws of one number of pairs, method by method."""
    seen, heard = _rights(draws, images=images, recordings=recordings)
    by_image = repeated(seen, {"image": np.arange(images)})
    by_recording = repeated(heard, {"recording": np.arange(recordings)})
    return [Method(name=name, seen=by_image[name], heard=by_recording[name]) for name in seen]


def point_of(draws: Sequence[Draw], *, images: int, recordings: int) -> Point:
    """Sum up the draws of one number of pairs, and compare the methods draw by draw."""
    seen, heard = _rights(draws, images=images, recordings=recordings)
    learned = [draw.seconds for draw in draws if draw.seconds]
    return Point(
        pairs=draws[0].pairs,
        draws=len(draws),
        seconds=round(float(np.mean(learned)), 1) if learned else 0.0,
        methods=methods_of(draws, images=images, recordings=recordings),
        ahead=repeated(_ahead(seen), {"image": np.arange(images)}),
        ahead_heard=repeated(_ahead(heard), {"recording": np.arange(recordings)}),
    )


def over_speakers(folds: Mapping[str, Sequence[Method]]) -> list[Method]:
    """Average over the speakers who were left out, each of whom is one of the trainings."""
    sides = [*folds.values()]
    return [
        Method(
            name=methods[0].name,
            seen=_over([each.seen.mean for each in methods]),
            heard=_over([each.heard.mean for each in methods]),
        )
        for methods in zip(*sides, strict=True)
    ]


def fused_of(nets: Mapping[str, Sequence[NoisyNet]], groups: Groups) -> list[Fused]:
    """Bound the errors of nets on noisy pairs.

    Args:
        nets: By name, one of each seed.
        groups: Which image and recording each test pair is of.
    """
    found = repeated(_wrongs(nets, groups), groups)
    return [
        Fused(
            name=name,
            validation={
                way: round(float(np.mean([net.validation[way] for net in seeds])), 6)
                for way in seeds[0].validation
            },
            error={way: found[name, way] for way in seeds[0].wrong},
        )
        for name, seeds in nets.items()
    ]


def compared(
    nets: Mapping[str, Sequence[NoisyNet]], groups: Groups
) -> tuple[dict[str, Compared], dict[str, dict[str, Compared]]]:
    """Compare every head with the nets of one modality, seed by seed.

    Returns:
        By head, both modalities against the single one that errs less on the test pairs, which is
        the harder of the two; and by head and modality, that one alone against the net that
        learned from it alone.
    """
    wrong = _wrongs(nets, groups)
    singles = {way: (f"{way} alone", way) for way in ("image", "sound")}
    better = min(singles.values(), key=lambda key: wrong[key].mean())
    rivals = {
        (head, way): better if way == "both" else singles[way]
        for head in nets
        for way in ("both", *singles)
        if head not in ALONE
    }
    differences = {key: wrong[key] - wrong[rival] for key, rival in rivals.items()}
    bounded = repeated(differences, groups)
    found = {
        key: Compared(
            against=rival[0],
            more=_more(float(wrong[key].mean()), float(wrong[rival].mean())),
            difference=bounded[key],
        )
        for key, rival in rivals.items()
    }
    heads = [head for head in nets if head not in ALONE]
    fused = {head: found[head, "both"] for head in heads}
    return fused, {head: {way: found[head, way] for way in singles} for head in heads}


def _ends(interval: Interval) -> Ends:
    """Round the ends of an interval as they are written."""
    return round(interval.low, 6), round(interval.high, 6)


def _over(each: list[float]) -> Repeated:
    """Average figures that have no samples in common."""
    ends = _ends(mean_interval(each)) if len(each) > 1 else None
    return Repeated(mean=round(float(np.mean(each)), 6), by_training=ends, each=each)


def _ahead(rights: Mapping[str, Values]) -> dict[str, Values]:
    """Take what every other method names right from what the shared code does."""
    own = rights[SHARED]
    return {name: own - right for name, right in rights.items() if name != SHARED}


def _rights(
    draws: Sequence[Draw], *, images: int, recordings: int
) -> tuple[dict[str, Values], dict[str, Values]]:
    """Tell by method what each draw named right, `(draws, samples)`: images, and recordings."""
    names = [*draws[0].wrong]
    return (
        {name: 1 - _marked([draw.wrong[name].seen for draw in draws], images) for name in names},
        {
            name: 1 - _marked([draw.wrong[name].heard for draw in draws], recordings)
            for name in names
        },
    )


def _wrongs(
    nets: Mapping[str, Sequence[NoisyNet]], groups: Groups
) -> dict[tuple[str, str], Values]:
    """Tell by net and by what is there which pairs were named wrong, `(seeds, pairs)`."""
    size = len(groups["image"])
    return {
        (name, way): _marked([net.wrong[way] for net in seeds], size)
        for name, seeds in nets.items()
        for way in seeds[0].wrong
    }


def _marked(places: Sequence[Sequence[int]], size: int) -> Values:
    """Mark places with 1, a row for each training."""
    marked = np.zeros((len(places), size))
    for row, chosen in zip(marked, places, strict=True):
        row[np.asarray(chosen, np.int64)] = 1.0
    return marked


def _more(error: float, than: float) -> float | None:
    """Say how much larger an error is, as a share of one that may be 0."""
    return round(error / than - 1, 4) if than else None
