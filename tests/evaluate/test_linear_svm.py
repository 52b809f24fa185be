"""The linear support vector machine against scikit-learn's, and misuse."""

from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.svm import LinearSVC

from featlearn.errors import DataError
from featlearn.evaluate.linear_svm import fit_svm


@pytest.mark.parametrize("strength", [1.0, 30.0])
def test_equals_scikit_learns(strength: float) -> None:
    digits: Any = load_digits()
    x = torch.from_numpy(digits["data"][:600]).double()
    x = (x - x.mean(0)) / (x.var(0) + 0.01).sqrt()
    labels = torch.from_numpy(digits["target"][:600]).long()
    ours = fit_svm(x, labels, classes=10, strength=strength)
    options: dict[str, Any] = {"dual": False, "tol": 1e-8, "max_iter": 10000}
    theirs: Any = LinearSVC(C=strength / 600, **options)
    theirs.fit(x.numpy(), labels.numpy())
    torch.testing.assert_close(ours.weight.T, torch.from_numpy(theirs.coef_), atol=2e-3, rtol=1e-2)
    assert ours.predict(x).tolist() == theirs.predict(x.numpy()).tolist()
    again = fit_svm(x, labels, classes=10, strength=strength, start=ours)
    torch.testing.assert_close(again.weight, ours.weight, atol=1e-3, rtol=1e-2)


def test_one_class_is_refused() -> None:
    with pytest.raises(DataError, match="two classes or more"):
        fit_svm(torch.ones(3, 2), torch.ones(3).long(), classes=2, strength=1.0)
