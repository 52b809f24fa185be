import numpy as np
import pytest
import torch
from scipy import stats

from featlearn.datasets.mixing import mix_up, symmetric_beta


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.5, 1.0, 2.0, 10.0, 300.0])
def test_shares_are_those_of_a_beta_distribution(alpha: float) -> None:
    draws = symmetric_beta(20_000, alpha=alpha, generator=rng())
    assert draws.dtype == torch.float32
    shares = draws.double().numpy()
    # The statistic of Kolmogorov and Smirnov, but for the last ten-thousandths, where most
    # shares of a small alpha lie closer together than floats do.
    at = np.linspace(1e-4, 1 - 1e-4, 999)
    found = np.searchsorted(np.sort(shares), at, side="right") / len(shares)
    assert np.abs(found - stats.beta(alpha, alpha).cdf(at)).max() < 0.013  # p = 0.002
    assert abs(np.corrcoef(shares[:-1], shares[1:])[0, 1]) < 0.03


@pytest.mark.parametrize("alpha", [1e-9, 1e-3, 1e9])
def test_shares_stay_in_0_and_1_at_any_alpha(alpha: float) -> None:
    draws = symmetric_beta(10_000, alpha=alpha, generator=rng())
    assert 0 <= draws.min() <= draws.max() <= 1
    assert draws.mean() == pytest.approx(0.5, abs=0.02)


def test_draws_of_another_alpha_leave_the_generator_alike() -> None:
    one, other = rng(), rng()
    symmetric_beta(9, alpha=0.1, generator=one)
    symmetric_beta(9, alpha=8.0, generator=other)
    assert torch.equal(one.get_state(), other.get_state())


def test_each_image_is_mixed_with_its_partner() -> None:
    x = torch.rand(16, 2, 3, 4, generator=rng())
    before = x.clone()
    mixed = mix_up(x, alpha=1.0, generator=rng(1))
    assert sorted(mixed.partner.tolist()) == list(range(16))
    assert len(set(mixed.share.tolist())) == 16
    for place, (partner, share) in enumerate(
        zip(mixed.partner.tolist(), mixed.share.tolist(), strict=True)
    ):
        expected = share * x[place].double() + (1 - share) * x[partner].double()
        np.testing.assert_allclose(mixed.images[place], expected, atol=1e-6)
    assert torch.equal(x, before)


def test_a_mixture_depends_on_the_generator_alone() -> None:
    x = torch.rand(8, 1, 3, 3, generator=rng())
    first, again, other = (mix_up(x, alpha=0.4, generator=rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.share, again.share)
    assert not torch.equal(first.images, other.images)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_images_in_0_and_1_stay_there(dtype: torch.dtype) -> None:
    x = torch.rand(500, 1, 4, 4, generator=rng()).round().to(dtype)
    mixed = mix_up(x, alpha=0.3, generator=rng()).images
    assert mixed.dtype == dtype
    assert 0 <= mixed.min() <= mixed.max() <= 1
    alike = torch.ones(50, 1, 2, 2, dtype=dtype)
    assert torch.equal(mix_up(alike, alpha=0.3, generator=rng()).images, alike)


def test_a_lone_image_stays_as_it_is() -> None:
    x = torch.rand(1, 1, 3, 3, generator=rng())
    torch.testing.assert_close(mix_up(x, alpha=1.0, generator=rng()).images, x)
