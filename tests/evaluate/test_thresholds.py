"""Thresholds against a loop over units, signs and thresholds."""

import numpy as np
import pytest
import torch
from torch import Tensor

from featlearn.errors import DataError, ShapeError
from featlearn.evaluate.thresholds import Selection, select, tally, unit_ranges

Batches = list[tuple[Tensor, Tensor]]


def sample(images: int = 97, units: int = 12, classes: int = 3) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    labels = torch.randint(classes, (images,), generator=draw)
    responses = torch.randn(images, units, generator=draw)
    responses[:, :classes] += torch.eye(classes)[labels] * torch.tensor([1.0, -2.0, 3.0])
    responses[:, 3] = responses[:, 3].round()  # many ties
    return responses, labels


def batches(responses: Tensor, labels: Tensor, size: int = 20) -> Batches:
    return list(zip(responses.split(size), labels.split(size), strict=True))


def loop(column: Tensor, positive: Tensor) -> tuple[float, int, float]:
    """Try every sign and threshold of one unit; the first of equals stands."""
    values = column.double().numpy()
    inner = np.linspace(values.min(), values.max(), 22)[1:-1].astype(np.float32)
    best = (0.0, 0, 0.0)
    for sign in (1, -1):
        for edge in inner:
            named = column.numpy() > edge if sign == 1 else column.numpy() <= edge
            right = float((named == positive.numpy()).mean())
            if right > best[0] + 1e-12:
                best = (right, sign, float(edge))
    return best


@pytest.mark.parametrize("positive", [0, 1, 2])
def test_every_unit_is_scored_by_its_best_threshold_and_sign(positive: int) -> None:
    responses, labels = sample()
    given = batches(responses, labels)
    ours = select(tally(given, unit_ranges(given), classes=3), positive)
    for unit in range(responses.shape[1]):
        accuracy, sign, edge = loop(responses[:, unit], labels == positive)
        assert float(ours.accuracy[unit]) == pytest.approx(accuracy, abs=1e-12)
        assert int(ours.sign[unit]) == sign
        assert float(ours.threshold[unit]) == pytest.approx(edge, abs=1e-6)
    choice = ours.best()
    right = choice.right(responses[:, choice.unit], labels == positive)
    assert float(right.double().mean()) == pytest.approx(choice.accuracy, abs=1e-12)


def test_batches_do_not_matter_and_every_response_is_counted() -> None:
    responses, labels = sample()
    one = tally([(responses, labels)], unit_ranges([(responses, labels)]), classes=3)
    many = batches(responses, labels, 7)
    other = tally(many, unit_ranges(many), classes=3)
    assert torch.equal(one.counts, other.counts)
    assert torch.equal(one.thresholds, other.thresholds)
    sizes = torch.bincount(labels, minlength=3)
    assert torch.equal(one.counts.sum(2), sizes[:, None].expand(3, 12))


def test_constant_units_and_those_that_are_no_number_cannot_win() -> None:
    positive = torch.tensor([True, True, False, False, False, True])
    responses = torch.zeros(6, 6)
    responses[:, 1] = positive.float()
    responses[0, 1] = torch.nan
    responses[:, 2] = positive.float() * torch.inf
    responses[:, 4] = torch.tensor([3.0, 4.0, 1.0, 5.0, 1.0, 3.0])
    responses[:, 5] = responses[:, 4]
    given = batches(responses, positive, 2)
    found = select(tally(given, unit_ranges(given)))
    assert found.accuracy.tolist() == [0, 0, 0, 0, 5 / 6, 5 / 6]
    assert found.best().unit == 4  # the first of equals
    assert found.best(5).unit == 5
    for first, last in [(0, 4), (3, 3)]:
        with pytest.raises(DataError, match="no unit can be chosen"):
            found.best(first, last)


def test_a_response_that_is_no_number_is_named_wrong() -> None:
    choice = Selection(torch.ones(1), torch.tensor([-1]), torch.zeros(1)).best()
    right = choice.right(torch.tensor([-1.0, 1.0, 0.0, torch.nan, torch.nan]), torch.ones(5).bool())
    assert right.tolist() == [True, False, True, False, False]
    right = choice.right(torch.tensor([torch.nan, 1.0]), torch.zeros(2).bool())
    assert right.tolist() == [False, True]


def test_empty_batches_are_passed_over() -> None:
    responses, labels = sample()
    given = [(responses[:0], labels[:0]), (responses, labels), (responses[:0], labels[:0])]
    ranges = unit_ranges(given)
    assert torch.equal(ranges.least, responses.amin(0))
    assert int(tally(given, ranges, classes=3).counts[:, 0].sum()) == len(labels)


def test_misuse_is_named() -> None:
    with pytest.raises(DataError, match="without images"):
        unit_ranges([])
    responses, labels = sample()
    with pytest.raises(ShapeError, match=r"responses are \(n, units\) .* got \(97,\) and \(97,\)"):
        unit_ranges([(responses[:, 0], labels)])
    ranges = unit_ranges([(responses, labels)])
    with pytest.raises(ShapeError, match=r"\(n, 12\) .* got \(97, 11\)"):
        tally([(responses[:, 1:], labels)], ranges, classes=3)
    with pytest.raises(DataError, match="got 0 positives and 97 others"):
        select(tally([(responses, labels)], ranges, classes=4), 3)
