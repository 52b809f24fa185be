"""Histograms of responses against a loop over intervals."""

import pytest
import torch

from featlearn.errors import DataError, ShapeError
from featlearn.evaluate.histogram import histogram


def test_every_image_is_counted_where_its_response_lies() -> None:
    draw = torch.Generator().manual_seed(0)
    responses, positive = torch.randn(200, generator=draw), torch.rand(200, generator=draw) < 0.3
    found = histogram(responses, positive, bins=7)
    assert len(found.edges) == 8
    for place in range(7):
        low, high = found.edges[place : place + 2]
        inside = (responses.double() >= low) & (responses.double() < high)
        if place == 6:
            inside |= responses.double() == high
        assert found.positives[place] == int((inside & positive).sum())
        assert found.others[place] == int((inside & ~positive).sum())
    assert sum(found.positives) + sum(found.others) == 200


def test_equal_responses_and_those_that_are_no_number() -> None:
    responses = torch.tensor([2.0, torch.nan, 2.0, torch.inf])
    found = histogram(responses, torch.tensor([True, True, False, False]))
    assert (found.edges, found.positives, found.others) == ((1.5, 2.5), (1,), (1,))
    with pytest.raises(DataError, match="got none"):
        histogram(responses[1:2], torch.ones(1).bool())
    with pytest.raises(ShapeError, match=r"got \(4,\) and \(3,\)"):
        histogram(responses, torch.ones(3).bool())
