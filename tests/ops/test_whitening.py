"""Principal axes and whitening against scikit-learn and against their purpose."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from featlearn.errors import DataError, ShapeError
from featlearn.ops.whitening import PrincipalAxes, pca_matrix, principal_axes, zca_matrix


@pytest.fixture
def sample() -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    mix = torch.randn(6, 6, generator=draw, dtype=torch.float64)
    return torch.randn(3000, 6, generator=draw, dtype=torch.float64) @ mix + 5


def covariance(x: torch.Tensor) -> torch.Tensor:
    return torch.cov(x.T)


def test_equals_scikit_learns(sample: torch.Tensor) -> None:
    principal = principal_axes(sample)
    theirs = PCA().fit(sample.numpy())
    np.testing.assert_allclose(principal.mean, theirs.mean_)
    np.testing.assert_allclose(principal.variances, theirs.explained_variance_)
    signs = np.sign((principal.axes.numpy() * theirs.components_).sum(1, keepdims=True))
    np.testing.assert_allclose(principal.axes, theirs.components_ * signs, atol=1e-9)


def test_pca_equals_scikit_learns_whitening(sample: torch.Tensor) -> None:
    principal = principal_axes(sample)
    white = (sample - principal.mean) @ pca_matrix(principal, keep=3, eps=1e-12).matrix.T
    theirs = PCA(n_components=3, whiten=True).fit_transform(sample.numpy())
    np.testing.assert_allclose(white.abs(), np.abs(theirs), atol=1e-6)


@pytest.mark.parametrize("kind", ["pca", "zca"])
def test_white_means_uncorrelated_with_unit_variance(sample: torch.Tensor, kind: str) -> None:
    principal = principal_axes(sample)
    whitening = (
        zca_matrix(principal, eps=1e-12)
        if kind == "zca"
        else pca_matrix(principal, keep=1.0, eps=1e-12)
    )
    white = (sample - principal.mean) @ whitening.matrix.T
    torch.testing.assert_close(covariance(white), torch.eye(6).double(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("eps", [1e-9, 0.5])
def test_the_inverse_undoes(sample: torch.Tensor, eps: float) -> None:
    principal = principal_axes(sample)
    for whitening in (zca_matrix(principal, eps=eps), pca_matrix(principal, keep=6, eps=eps)):
        torch.testing.assert_close(whitening.inverse @ whitening.matrix, torch.eye(6).double())


def test_zca_is_symmetric_and_stays_nearest(sample: torch.Tensor) -> None:
    principal = principal_axes(sample)
    zca, pca = zca_matrix(principal, eps=1e-9), pca_matrix(principal, keep=6, eps=1e-9)
    torch.testing.assert_close(zca.matrix, zca.matrix.T)
    centred = sample - principal.mean
    moved = [((centred @ m.T) - centred).square().sum() for m in (zca.matrix, pca.matrix)]
    assert moved[0] < moved[1]


def test_a_share_of_variance_keeps_as_few_as_hold_it() -> None:
    principal = PrincipalAxes(torch.zeros(4), torch.eye(4), torch.tensor([6.0, 3.0, 1.0, 0.0]))
    for share, count in [(0.5, 1), (0.6, 1), (0.61, 2), (0.9, 2), (0.95, 3), (1.0, 3)]:
        assert len(pca_matrix(principal, keep=share, eps=1e-6).matrix) == count


def test_a_constant_sample_whitens_to_zeros() -> None:
    x = torch.full((5, 3), 0.3)
    principal = principal_axes(x)
    assert not principal.variances.any()
    for whitening in (zca_matrix(principal, eps=0.1), pca_matrix(principal, keep=0.99, eps=0.1)):
        assert whitening.matrix.isfinite().all()
        white = (x.double() - principal.mean) @ whitening.matrix.T
        torch.testing.assert_close(white, torch.zeros_like(white), atol=1e-6, rtol=0)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_fewer_samples_than_numbers(count: int) -> None:
    principal = principal_axes(torch.randn(count, 6))
    assert (principal.variances >= 0).all()
    assert int((principal.variances > 1e-9).sum()) == count - 1
    torch.testing.assert_close(principal.axes @ principal.axes.T, torch.eye(6).double())


def test_many_samples_are_taken_in_parts() -> None:
    x = torch.randn(2500, 3)
    torch.testing.assert_close(
        principal_axes(x).variances, torch.linalg.eigvalsh(covariance(x.double())).flip(0)
    )


def test_the_sign_is_fixed(sample: torch.Tensor) -> None:
    axes = principal_axes(sample).axes
    assert (axes.gather(1, axes.abs().argmax(1, keepdim=True)) > 0).all()


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 2, 2)])
def test_what_is_no_sample_is_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"needs a sample \(n >= 1, d >= 1\); got"):
        principal_axes(torch.zeros(shape))


def test_nan_is_refused() -> None:
    with pytest.raises(DataError, match="NaN or infinity"):
        principal_axes(torch.full((3, 2), float("nan")))


def test_more_axes_than_there_are_is_refused(sample: torch.Tensor) -> None:
    with pytest.raises(ShapeError, match="cannot keep 7 of 6"):
        pca_matrix(principal_axes(sample), keep=7, eps=0.1)


def test_no_eps_is_refused(sample: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="eps above 0; got 0"):
        zca_matrix(principal_axes(sample), eps=0.0)
