"""What features are worth to the plainest of classifiers."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from featlearn.errors import DataError


class ProbeScore(NamedTuple):
    """A linear probe's predictions and how it came to them.

    Attributes:
        predictions: Classes of the test rows, `(n,)`.
        accuracy: Share of the test rows named right, in [0, 1].
        strength: The inverse regularisation C that cross-validation chose.
        folds: How many folds it had; 0 where a class was too small to split.
    """

    predictions: NDArray[np.int64]
    accuracy: float
    strength: float
    folds: int


def linear_probe(
    train_x: NDArray[np.floating],
    train_y: NDArray[np.int64],
    test_x: NDArray[np.floating],
    test_y: NDArray[np.int64],
    *,
    strengths: tuple[float, ...] = (1e-3, 1e-2, 1e-1, 1.0),
    folds: int = 5,
) -> ProbeScore:
    """Fit logistic regression on frozen features, and test it once.

    Features are standardised and C is chosen by stratified cross-validation, both
    on the training rows alone.

    Args:
        train_x: Features `(n, features)`.
        train_y: Classes `(n,)`.
        test_x: Features of the test rows.
        test_y: Their classes.
        strengths: The inverse regularisations C to choose from.
        folds: Folds of the cross-validation; fewer where the smallest class has
            fewer rows. With a single row in a class, C is the middle strength.

    Raises:
        DataError: If the training rows hold one class only.
    """
    counts = np.unique_counts(train_y).counts
    if len(counts) < 2:
        raise DataError("a probe needs training rows of two classes or more; got one class only")
    folds = min(folds, int(counts.min()))
    chosen = sorted(strengths)[len(strengths) // 2]
    if folds >= 2:
        chosen = _choose(train_x, train_y, strengths=strengths, folds=folds)
    else:
        folds = 0
    model = _model(chosen).fit(train_x, train_y)
    predictions = np.asarray(model.predict(test_x), dtype=np.int64)
    accuracy = float(np.mean(predictions == test_y))
    return ProbeScore(predictions, accuracy, chosen, folds)


def _model(strength: float):  # noqa: ANN202 - scikit-learn has no types
    """Standardise, then regress; the scale is learned inside every fold."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000, tol=1e-3))


def _choose(
    x: NDArray[np.floating], y: NDArray[np.int64], *, strengths: tuple[float, ...], folds: int
) -> float:
    """Cross-validate on the training rows; the strongest regularisation wins a tie."""
    search = GridSearchCV(
        _model(1.0),
        {"logisticregression__C": sorted(strengths)},
        cv=StratifiedKFold(folds, shuffle=True, random_state=0),
        refit=False,
    )
    search.fit(x, y)
    return float(search.best_params_["logisticregression__C"])
