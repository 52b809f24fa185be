"""Controls against SciPy's moments, plain loops, and clusters that are known."""

import numpy as np
import pytest
import torch
from scipy import stats

from featlearn.errors import DataError, ShapeError
from featlearn.evaluate.controls import (
    STATISTICS,
    image_statistics,
    kmeans_means,
    template_bank,
    template_responses,
    told_apart,
)
from featlearn.evaluate.thresholds import select, tally, unit_ranges


def test_statistics_are_those_of_scipy() -> None:
    images = torch.rand(5, 2, 6, 7, generator=torch.Generator().manual_seed(0))
    ours = image_statistics(images).numpy()
    assert ours.shape == (5, len(STATISTICS))
    for image, row in zip(images.double().numpy(), ours, strict=True):
        flat = image.ravel()
        expected = [
            flat.mean(),
            flat.std(),
            stats.skew(flat),
            stats.kurtosis(flat, fisher=False),
            flat.min(),
            flat.max(),
            np.mean((image[:, :, 1:] - image[:, :, :-1]) ** 2),
            np.mean((image[:, 1:] - image[:, :-1]) ** 2),
        ]
        np.testing.assert_allclose(row, expected, atol=1e-12)


def test_a_constant_image_and_one_pixel_have_statistics() -> None:
    assert image_statistics(torch.full((1, 1, 4, 4), 0.5)).tolist() == [
        [0.5, 0, 0, 0, 0.5, 0.5, 0, 0]
    ]
    assert image_statistics(torch.ones(2, 1, 1, 1)).tolist() == [[1, 0, 0, 0, 1, 1, 0, 0]] * 2
    with pytest.raises(ShapeError, match=r"got \(4, 4\)"):
        image_statistics(torch.ones(4, 4))


def test_templates_are_directions_and_answer_by_inner_product() -> None:
    draw = torch.Generator().manual_seed(1)
    images = torch.rand(4, 1, 3, 5, generator=draw)
    images[2] = 0.3
    bank = template_bank(images)
    torch.testing.assert_close(bank.norm(dim=1), torch.tensor([1.0, 1.0, 0.0, 1.0]))
    torch.testing.assert_close(bank.sum(1), torch.zeros(4), atol=1e-5, rtol=0)
    given = torch.rand(6, 1, 3, 5, generator=draw)
    ours = template_responses(bank, given)
    rows = images.flatten(1).numpy()
    for image, row in zip(given.flatten(1).numpy(), ours.numpy(), strict=True):
        for place in (0, 1, 3):
            expected = (image - image.mean()) @ (rows[place] - rows[place].mean())
            expected /= np.linalg.norm(rows[place] - rows[place].mean())
            assert row[place] == pytest.approx(expected, abs=1e-5)
    assert ours[:, 2].tolist() == [0.0] * 6
    with pytest.raises(ShapeError, match="the filters take 15 numbers"):
        template_responses(bank, given[..., 1:])


def test_k_means_finds_clusters_whose_template_tells_them() -> None:
    draw = torch.Generator().manual_seed(2)
    centres = torch.randn(3, 1, 4, 4, generator=draw)
    labels = torch.arange(90) % 3
    images = centres[labels] + 0.05 * torch.randn(90, 1, 4, 4, generator=draw)
    means = kmeans_means(images, count=3, seed=0)
    assert torch.equal(kmeans_means(images, count=3, seed=0), means)
    gaps = (means[:, None] - centres).flatten(2).norm(dim=2)
    assert sorted(gaps.argmin(0).tolist()) == [0, 1, 2]
    assert float(gaps.amin(0).max()) < 0.1
    given = [(template_responses(template_bank(means), images), labels == 1)]
    assert select(tally(given, unit_ranges(given))).best().accuracy == 1.0
    assert kmeans_means(images[:2], count=8, seed=0).shape == (2, 1, 4, 4)
    with pytest.raises(DataError, match="got none"):
        kmeans_means(images[:0], count=3, seed=0)


def test_a_classifier_is_scored_class_by_class() -> None:
    found = told_apart(np.array([0, 1, 2, 1]), np.array([0, 2, 1, 1]), 1)
    assert found.tolist() == [True, False, False, True]
    assert told_apart(np.array([0, 2]), np.array([0, 1]), 0).tolist() == [True, True]
