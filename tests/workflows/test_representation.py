"""`evaluate --representation`: figures of a run's stages beside random weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from featlearn.datasets.source import open_splits
from featlearn.networks.store import load_stack
from featlearn.workflows.representation import representation


def test_stages_are_described_on_test_images(trained: Path) -> None:
    result = representation(trained, root=trained)
    assert (result.source, result.split, result.images) == ("digits", "test", 500)
    assert [stage.units for stage in result.stages] == [36, 6]
    assert [stage.stage for stage in result.random_weights] == ["edges", "parts"]
    stack, recipe, _ = load_stack(trained)
    test = open_splits(recipe.data, root=trained, seed=recipe.seed).test
    assert test is not None
    images = torch.from_numpy(test.images).float() / (255 if test.images.dtype == np.uint8 else 1)
    one, two = (
        stack.encode(images, stage=name).detach().double().flatten(1).numpy()
        for name in ("edges", "parts")
    )
    one, two = one - one.mean(0), two - two.mean(0)
    norms = [np.linalg.norm(part.T @ part) for part in (one, two)]
    expected = np.linalg.norm(one.T @ two) ** 2 / (norms[0] * norms[1])
    assert result.cka[0] == pytest.approx((1, expected), rel=1e-4)
    assert result.cka[1] == pytest.approx((expected, 1), rel=1e-4)
    for value in result.cka_random:
        assert value is not None
        assert 0 < value < 1
    kurtosis = np.quantile(stats.kurtosis(two, axis=0), 0.5, method="lower")
    assert result.kurtosis[1] == pytest.approx(kurtosis, rel=1e-3)
    values = np.linalg.svd(two, compute_uv=False)
    shares = values / values.sum()
    rank = np.exp(-(shares * np.log(shares)).sum())
    assert result.stages[1].effective_rank == pytest.approx(rank, rel=1e-3)
    assert representation(trained, root=trained) == result
