"""The pattern that a filter's maps share, against the singular value decomposition."""

import numpy as np
import pytest

from featlearn.evaluate.principal import principal_pattern


def test_the_pattern_of_maps_that_share_one() -> None:
    draw = np.random.default_rng(0)
    shared, factors = draw.normal(size=(3, 4)), np.array([0.5, -2.0, 1.0, 0.1, 0.0])
    bank = factors[None, :, None, None] * shared
    patterns, share = principal_pattern(bank)
    assert share == pytest.approx([1.0])
    direction = patterns[0, 0] / np.linalg.norm(patterns)
    np.testing.assert_allclose(direction, -shared / np.linalg.norm(shared), atol=1e-12)
    assert np.linalg.norm(patterns) == pytest.approx(np.linalg.norm(bank))


def test_the_share_is_that_of_the_first_singular_value() -> None:
    bank = np.random.default_rng(1).normal(size=(2, 6, 3, 3))
    values = np.linalg.svd(bank.reshape(2, 6, 9), compute_uv=False)
    _, share = principal_pattern(bank)
    np.testing.assert_allclose(share, values[:, 0] ** 2 / (values**2).sum(axis=1))


def test_a_zero_filter_has_a_pattern() -> None:
    patterns, share = principal_pattern(np.zeros((1, 4, 2, 2)))
    assert not patterns.any()
    assert share.tolist() == [0.0]
