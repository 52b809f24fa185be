"""Labels of rows of which some have none, as estimators are given them."""

import warnings
from numbers import Real
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.multiclass import check_classification_targets

UNLABELLED = -1
"""What marks a row without a label, as in `sklearn.semi_supervised`."""


class Labels(NamedTuple):
    """Labels of the rows that have one.

    Attributes:
        known: `(n,)`, whether a row has one.
        classes: The classes, sorted.
        places: `(labelled rows,)` int64, places in `classes`.
    """

    known: NDArray[np.bool_]
    classes: NDArray[Any]
    places: NDArray[np.int64]


def mixed_kept(y: ArrayLike) -> ArrayLike:
    """Keep -1 a number in a list of names, of which NumPy would make the text "-1"."""
    if isinstance(y, list | tuple):
        values = cast("list[object]", y)
        texts = sum(isinstance(value, str) for value in values)
        if 0 < texts < len(values):
            return np.array(values, dtype=object)
    return y


def find_labels(y: NDArray[Any], *, owner: str) -> Labels:
    """Tell the rows with a label from those without, and number the classes.

    Args:
        y: `(n,)`, see `FeatureClassifier.fit`.
        owner: Who asks, for the sentence.

    Raises:
        ValueError: If they are not classes, of both names and numbers, or fewer than two.
    """
    known = labelled_rows(y)
    given: NDArray[Any] = y[known]
    if given.dtype.kind == "O":
        texts = sum(isinstance(value, str) for value in given)
        if 0 < texts < len(given):
            raise ValueError("y holds names and numbers; name all classes, or number them all")
        given = given if texts else np.array(given.tolist())
    if len(given):
        check_classification_targets(given)
    classes, places = np.unique(given, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"{owner} needs labelled rows of two classes or more; got {len(classes)} "
            f"class{'es' * (len(classes) != 1)} (-1 marks a row without a label)"
        )
    if str(UNLABELLED) in {name for name in classes.tolist() if isinstance(name, str)}:
        warnings.warn(
            'the text "-1" is taken for a class, as NumPy makes it of the number among names; '
            "give a list, or an array of objects, where it marks rows without a label",
            UserWarning,
            stacklevel=3,
        )
    if _are_signs(y):
        warnings.warn(
            "y holds -1 and 1 alone, which are taken for two classes; if -1 was to mark rows "
            "without a label, name a second class, and if not, 0 and 1 say so without a warning",
            UserWarning,
            stacklevel=3,
        )
    return Labels(known, classes, places.astype(np.int64))


def labelled_rows(y: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which rows have a label, by `UNLABELLED` or None; all, if y is -1 and 1 alone."""
    if y.dtype.kind not in "ifO" or _are_signs(y):
        return np.ones(len(y), dtype=np.bool_)
    if y.dtype.kind != "O":
        return y != UNLABELLED
    marks = [value is None or (isinstance(value, Real) and value == UNLABELLED) for value in y]
    return ~np.array(marks, dtype=np.bool_)


def _are_signs(y: NDArray[Any]) -> bool:
    """Tell whether y is -1 and 1, and both of them, as two classes are commonly numbered."""
    values: list[object] = y.tolist()
    if y.dtype.kind not in "ifO" or not all(isinstance(value, Real) for value in values):
        return False
    return set(values) == {UNLABELLED, 1}
