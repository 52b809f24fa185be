"""A linear support vector machine with squared hinge loss, for many features and few classes."""

from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.errors import DataError

_KEPT = 10  # steps that the solver remembers


class LinearSVM(NamedTuple):
    """One linear machine for each class against the others.

    Attributes:
        weight: `(features, classes)`.
        bias: `(classes,)`.
    """

    weight: Tensor
    bias: Tensor

    def predict(self, x: Tensor) -> Tensor:
        """Name the class whose machine answers most; `(n,)` for `(n, features)`."""
        return (x @ self.weight + self.bias).argmax(1)


def fit_svm(
    x: Tensor,
    labels: Tensor,
    *,
    classes: int,
    strength: float,
    start: LinearSVM | None = None,
    steps: int = 300,
) -> LinearSVM:
    """Minimise ½‖w‖² + `strength` · mean(Σ max(0, 1 - y (⟨w, x⟩ + b))²), the bias part of w.

    By L-BFGS from zero, or from another machine. It is what scikit-learn's `LinearSVC` minimises
    at C = `strength` / n, but all rows at once by products of matrices.

    Args:
        x: Standardised features, `(n, features)`, n >= 1.
        labels: Classes, `(n,)`.
        classes: How many there are.
        strength: Weight of the errors, above 0.
        start: Where to begin.
        steps: Of the solver, at most.

    Raises:
        DataError: If all rows are of one class.

    Source:
        Coates, Lee & Ng, AISTATS 2011 (L2-SVM); Chang, Hsieh & Lin, JMLR 2008.
    """
    if len(labels) == 0 or bool((labels == labels[0]).all()):
        raise DataError("a support vector machine needs rows of two classes or more")
    sign = torch.full((len(x), classes), -1.0, dtype=x.dtype, device=x.device)
    sign[torch.arange(len(x), device=x.device), labels] = 1.0
    begun = x.new_zeros(x.shape[1] + 1, classes)
    if start is not None:
        begun[:-1], begun[-1] = start.weight, start.bias
    both = begun.requires_grad_()
    solver = torch.optim.LBFGS(
        [both],
        max_iter=steps,
        history_size=_KEPT,
        tolerance_grad=1e-5,
        tolerance_change=1e-9,
        line_search_fn="strong_wolfe",
    )
    share = strength / len(x)

    @torch.no_grad()
    def closure() -> Tensor:
        weight, bias = both[:-1], both[-1]
        missing = torch.relu(1 - sign * torch.addmm(bias, x, weight))
        pull = sign * missing
        both.grad = both.detach().clone()
        both.grad[:-1].addmm_(x.T, pull, alpha=-2 * share)
        both.grad[-1] -= 2 * share * pull.sum(0)
        return 0.5 * both.square().sum() + share * missing.square().sum()

    solver.step(closure)
    found = both.detach()
    return LinearSVM(found[:-1], found[-1])
