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


def parted(column: Tensor, positive: Tensor, sign: int) -> tuple[float, float]:
    """Compare all pairs, and the means, of the intervals that a unit's responses lie in."""
    values = column.double().numpy()
    edges = np.linspace(values.min(), values.max(), 22)[1:-1].astype(np.float32)
    places = sign * (column.numpy()[:, None] > edges).sum(1)
    ours, others = places[positive.numpy()], places[~positive.numpy()]
    pairs = [float(a > b) + 0.5 * float(a == b) for a in ours for b in others]
    spread = np.sqrt((ours.var() + others.var()) / 2)
    return float(np.mean(pairs)), float((ours.mean() - others.mean()) / spread)


@pytest.mark.parametrize("positive", [0, 2])
def test_what_parts_equal_units_is_of_the_intervals_of_responses(positive: int) -> None:
    responses, labels = sample()
    given = batches(responses, labels)
    ours = select(tally(given, unit_ranges(given), classes=3), positive)
    for unit in range(responses.shape[1]):
        area, margin = parted(responses[:, unit], labels == positive, int(ours.sign[unit]))
        assert float(ours.auc[unit]) == pytest.approx(area, abs=1e-12)
        assert float(ours.margin[unit]) == pytest.approx(margin, abs=1e-9)


def test_of_equally_accurate_units_the_best_parted_is_chosen() -> None:
    draw = torch.Generator().manual_seed(5)
    labels = torch.arange(24) % 2
    responses = torch.randn(24, 400, generator=draw)
    given = batches(responses, labels)
    found = select(tally(given, unit_ranges(given)))
    rows = [
        (float(found.accuracy[unit]), *parted(responses[:, unit], labels == 1, int(sign)))
        for unit, sign in enumerate(found.sign)
    ]
    assert sum(row[0] == max(rows)[0] for row in rows) > 1
    assert found.best().unit == rows.index(max(rows))


def test_of_units_that_are_right_about_all_the_one_with_the_widest_gap_is_chosen() -> None:
    positive = torch.arange(20) < 8
    spread = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    gaps = torch.tensor([6.0, -60.0, 20.0])
    responses = spread + gaps * positive[:, None]
    given = batches(responses, positive)
    found = select(tally(given, unit_ranges(given)))
    assert found.accuracy.tolist() == [1.0] * 3
    assert found.auc.tolist() == [1.0] * 3
    assert found.best()[:2] == (1, -1)
    assert found.best(2).unit == 2
    split = torch.stack([responses[:, 1], positive.float()], 1)  # the second without any spread
    given = batches(split, positive)
    found = select(tally(given, unit_ranges(given)))
    assert float(found.margin[1]) == torch.inf
    assert found.best().unit == 1


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
    assert found.best().unit == 4  # the first of what is equal in all
    assert found.best(5).unit == 5
    for first, last in [(0, 4), (3, 3)]:
        with pytest.raises(DataError, match="no unit can be chosen"):
            found.best(first, last)


def test_a_response_that_is_no_number_is_named_wrong() -> None:
    one = torch.ones(1)
    choice = Selection(one, torch.tensor([-1]), torch.zeros(1), one, one).best()
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
