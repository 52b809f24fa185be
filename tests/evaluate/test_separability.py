"""The area under the curve against that of scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from featlearn.errors import DataError, ShapeError
from featlearn.evaluate.separability import separability


def half(seed: int, images: int = 300) -> tuple[Tensor, Tensor]:
    """Unit 2 falls where an image is positive; the others know nothing."""
    draw = torch.Generator().manual_seed(seed)
    positive = torch.rand(images, generator=draw) < 0.4
    responses = torch.randn(images, 5, generator=draw)
    responses[:, 2] -= 4 * positive
    return responses, positive


def test_auc_is_that_of_scikit_learn_with_ties() -> None:
    responses, positive = half(4)
    responses[:, 0] = responses[:, 0].round()
    responses[:, 1] = 3.0
    ours = separability(responses, positive)
    expected = [roc_auc_score(positive, column) for column in responses.T]
    np.testing.assert_allclose(ours, expected, atol=1e-12)
    assert ours[1] == 0.5


def test_auc_in_parts_and_without_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    responses, positive = half(5)
    whole = separability(responses, positive)
    monkeypatch.setattr("featlearn.evaluate.separability._CELLS", 600)
    assert torch.equal(separability(responses, positive), whole)
    responses[7, 3] = torch.nan
    assert separability(responses, positive).isnan().tolist() == [False] * 3 + [True, False]
    assert separability(responses[:, :0], positive).shape == (0,)


def test_misuse_is_named() -> None:
    responses, positive = half(6)
    with pytest.raises(DataError, match="got 300 positives and 0 others"):
        separability(responses, torch.ones(300).bool())
    with pytest.raises(ShapeError, match=r"got \(300, 5\) and \(299,\)"):
        separability(responses, positive[1:])
