"""The bound on chance against every labelling, scipy's tails, and choices among noise."""

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.stats import hypergeom
from torch import Tensor

from featlearn.errors import DataError
from featlearn.evaluate.chance import chance_accuracy
from featlearn.evaluate.thresholds import Tally, select, tally, unit_ranges


def counted(responses: Tensor, labels: Tensor, *, classes: int = 2) -> Tally:
    given = [(responses, labels)]
    return tally(given, unit_ranges(given), classes=classes)


def union_bound(responses: Tensor, positives: int, right: int) -> float:
    """Add up scipy's tails, parting after parting of each unit."""
    n, total, tails = len(responses), 0.0, dict[int, float]()
    for column in responses.T.double().numpy():
        inner = np.linspace(column.min(), column.max(), 22)[1:-1].astype(np.float32)
        for m in {int((column > edge).sum()) for edge in inner}:
            if m not in tails:
                # T positives above name 2 T + N - m right; the other sign all the rest.
                t = np.arange(positives + 1)
                named = 2 * t + (n - positives) - m
                chances = hypergeom.pmf(t, n, positives, m)
                both = chances[named >= right].sum() + chances[n - named >= right].sum()
                tails[m] = float(both)
            total += tails[m]
    return total


@pytest.mark.parametrize(("images", "positives", "units"), [(16, 6, 30), (40, 20, 200), (9, 1, 4)])
def test_it_is_the_sum_of_scipys_tails(images: int, positives: int, units: int) -> None:
    draw = torch.Generator().manual_seed(images)
    responses = torch.randn(images, units, generator=draw)
    responses[:, 0] = 1.0  # cannot be chosen
    labels = (torch.arange(images) < positives).long()
    found = round(chance_accuracy(counted(responses, labels)) * images)
    assert union_bound(responses[:, 1:], positives, found) >= 0.05
    if found < images:
        assert union_bound(responses[:, 1:], positives, found + 1) < 0.05


def test_of_all_labellings_fewer_than_one_in_twenty_come_to_more() -> None:
    draw = torch.Generator().manual_seed(3)
    responses = torch.randn(12, 7, generator=draw)
    limit = chance_accuracy(counted(responses, (torch.arange(12) < 4).long()))
    beyond, of = 0, 0
    for places in combinations(range(12), 4):
        labels = torch.zeros(12, dtype=torch.int64)
        labels[list(places)] = 1
        best = select(counted(responses, labels)).best().accuracy
        beyond, of = beyond + (best > limit + 1e-12), of + 1
    assert of == 495
    assert beyond / of < 0.05


def test_noise_is_explained_by_chance_and_a_unit_that_knows_is_not() -> None:
    draw = torch.Generator().manual_seed(0)
    labels = (torch.arange(60) % 3 == 0).long()
    noise = torch.randn(60, 3000, generator=draw)
    found = counted(noise, labels)
    limit = chance_accuracy(found)
    assert 0.7 < select(found).best().accuracy <= limit < 0.95
    noise[:, 17] += 8 * labels
    found = counted(noise, labels)
    assert select(found).best().accuracy > chance_accuracy(found)


def test_so_few_images_that_even_a_perfect_unit_may_be_luck() -> None:
    responses = torch.randn(8, 5000, generator=torch.Generator().manual_seed(1))
    labels = (torch.arange(8) < 2).long()
    found = counted(responses, labels)
    assert chance_accuracy(found) == 1.0
    assert select(found).best().accuracy == 1.0


def test_batches_of_partings_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    responses = torch.randn(50, 40, generator=torch.Generator().manual_seed(2))
    labels = torch.arange(50) % 3
    found = counted(responses, labels, classes=3)
    whole = chance_accuracy(found, 2)
    monkeypatch.setattr("featlearn.evaluate.chance._CELLS", 1)
    assert chance_accuracy(found, 2) == whole
    with pytest.raises(DataError, match="got 0 positives and 50 others"):
        chance_accuracy(counted(responses, labels, classes=4), 3)
