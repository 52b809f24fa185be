"""How right predicted numbers are, and predicted sets of labels."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from featlearn.errors import DataError


class NumberScore(msgspec.Struct, frozen=True, kw_only=True):
    """One target of a regression, in its own unit.

    Attributes:
        name: Of the target.
        mae: Mean absolute error.
        rmse: Root of the mean squared error.
        r2: 1 - squared error / squared distance from the mean of these images; 0 is what
            always naming that mean gets, 1 is perfect. None where the target never varies.
        deviation: Standard deviation of the target on these images: the `rmse` of naming
            their mean.
    """

    name: str
    mae: float
    rmse: float
    r2: float | None
    deviation: float


class LabelScore(msgspec.Struct, frozen=True, kw_only=True):
    """One label of a multi-label head.

    Attributes:
        name: Of the label.
        images: How many images have it.
        ap: Average precision of its probabilities; None where no image has it. Probabilities
            that say nothing get about the share of images that have it.
        f1: Harmonic mean of precision and recall where it is named at a probability above a
            half; 0 where it is never named rightly.
    """

    name: str
    images: int
    ap: float | None
    f1: float


class RegressionResult(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a regression.

    Attributes:
        images: How many images were looked at.
        r2: Mean of the targets' `r2`, of those that have one.
        per_target: One score for each target.
    """

    images: int
    r2: float | None
    per_target: tuple[NumberScore, ...]


class MultiLabelResult(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a multi-label head.

    Attributes:
        images: How many images were looked at.
        map: Mean average precision, over labels that some image has.
        f1: Mean F1 over labels.
        micro_f1: F1 over all decisions together.
        error: Share of all decisions, one for each image and label, that are wrong.
        exact: Share of images of which every label is right.
        per_label: One score for each label.
    """

    images: int
    map: float | None
    f1: float
    micro_f1: float
    error: float
    exact: float
    per_label: tuple[LabelScore, ...]


def regression_report(
    targets: NDArray[np.float32], predictions: NDArray[np.float32], names: Sequence[str]
) -> RegressionResult:
    """Compare predicted numbers with true ones.

    Args:
        targets: `(n, k)`.
        predictions: `(n, k)`, in the same units.
        names: Of the k targets.

    Raises:
        DataError: If there are no images, or the shapes differ.
    """
    _check(targets, predictions, names)
    scores: list[NumberScore] = []
    for name, true, said in zip(names, targets.T, predictions.T, strict=True):
        wanted, found = true.astype(np.float64), said.astype(np.float64)
        varies = len(wanted) > 1 and bool((wanted != wanted[0]).any())
        scores.append(
            NumberScore(
                name=name,
                mae=float(metrics.mean_absolute_error(wanted, found)),
                rmse=float(np.sqrt(metrics.mean_squared_error(wanted, found))),
                r2=float(metrics.r2_score(wanted, found)) if varies else None,
                deviation=float(wanted.std()),
            )
        )
    shares = [score.r2 for score in scores if score.r2 is not None]
    return RegressionResult(
        images=len(targets),
        r2=float(np.mean(shares)) if shares else None,
        per_target=tuple(scores),
    )


def multi_label_report(
    targets: NDArray[np.float32], probabilities: NDArray[np.float32], names: Sequence[str]
) -> MultiLabelResult:
    """Compare probabilities of labels with the labels that images have.

    Args:
        targets: `(n, k)` of 0 and 1.
        probabilities: `(n, k)` in [0, 1].
        names: Of the k labels.

    Raises:
        DataError: If there are no images, or the shapes differ.
    """
    _check(targets, probabilities, names)
    has, named = targets > 0.5, probabilities > 0.5
    scores = [
        _label_score(name, has[:, k], probabilities[:, k], named[:, k])
        for k, name in enumerate(names)
    ]
    aps = [score.ap for score in scores if score.ap is not None]
    return MultiLabelResult(
        images=len(targets),
        map=float(np.mean(aps)) if aps else None,
        f1=float(np.mean([score.f1 for score in scores])),
        micro_f1=_f1(has, named),
        error=float((has != named).mean()),
        exact=float((has == named).all(1).mean()),
        per_label=tuple(scores),
    )


def _label_score(
    name: str, has: NDArray[np.bool_], share: NDArray[np.float32], named: NDArray[np.bool_]
) -> LabelScore:
    """Score one label."""
    return LabelScore(
        name=name,
        images=int(has.sum()),
        ap=float(metrics.average_precision_score(has, share)) if has.any() else None,
        f1=_f1(has, named),
    )


def _f1(has: NDArray[np.bool_], named: NDArray[np.bool_]) -> float:
    """Compute 2 TP / (2 TP + FP + FN); 0 where nothing is named rightly."""
    total = int(has.sum() + named.sum())
    return 2 * int((has & named).sum()) / total if total else 0.0


def _check(targets: NDArray[np.float32], said: NDArray[np.float32], names: Sequence[str]) -> None:
    """Refuse what is not a number for each image and name."""
    if targets.shape != said.shape or targets.ndim != 2 or 0 in targets.shape:
        raise DataError(
            "targets and predictions of one shape (n >= 1, k >= 1) are needed; "
            f"got {targets.shape} and {said.shape}"
        )
    if len(names) != targets.shape[1]:
        raise DataError(f"{targets.shape[1]} targets need as many names; got {len(names)}")
