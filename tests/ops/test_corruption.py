"""Noise: how much of it, where it says it is, and that it can be drawn again."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from featlearn.ops.corruption import Corrupted, gaussian_noise, mask_noise, salt_pepper
from featlearn.ops.random import generator

Noise = Callable[[Tensor, torch.Generator], Corrupted]
NOISES: list[Noise] = [
    lambda x, g: gaussian_noise(x, std=0.5, generator=g),
    lambda x, g: mask_noise(x, rate=0.3, generator=g),
    lambda x, g: salt_pepper(x, rate=0.3, low=-1.0, high=2.0, generator=g),
]


def test_gaussian_noise_has_its_deviation() -> None:
    x = torch.full((100, 1, 20, 20), 3.0)
    noisy, mask = gaussian_noise(x, std=0.5, generator=generator(0))
    assert mask.all()
    difference = noisy - x
    assert float(difference.mean()) == pytest.approx(0, abs=0.01)
    assert float(difference.std()) == pytest.approx(0.5, rel=0.02)


def test_masking_sets_its_share_to_zero() -> None:
    x = torch.rand(100, 1, 20, 20) + 1
    masked, mask = mask_noise(x, rate=0.3, generator=generator(0))
    assert float(mask.double().mean()) == pytest.approx(0.3, abs=0.01)
    assert not masked[mask].any()
    assert torch.equal(masked[~mask], x[~mask])


def test_salt_and_pepper_come_in_equal_shares() -> None:
    x = torch.rand(100, 1, 20, 20)
    noisy, mask = salt_pepper(x, rate=0.3, low=-1.0, high=2.0, generator=generator(0))
    assert float((noisy == -1).double().mean()) == pytest.approx(0.15, abs=0.01)
    assert float((noisy == 2).double().mean()) == pytest.approx(0.15, abs=0.01)
    assert torch.equal(mask, (noisy == -1) | (noisy == 2))
    assert torch.equal(noisy[~mask], x[~mask])


def test_salt_and_pepper_may_differ_by_map() -> None:
    low = torch.tensor([0.0, -5.0]).view(2, 1, 1)
    x = torch.full((4, 2, 3, 3), 0.5)
    noisy, _ = salt_pepper(x, rate=1.0, low=low, high=low, generator=generator(0))
    torch.testing.assert_close(noisy, low.expand_as(x))


@pytest.mark.parametrize("noise", NOISES)
def test_one_seed_gives_one_noise_in_every_layout_and_precision(noise: Noise) -> None:
    x = torch.ones(4, 3, 5, 5)
    first, mask = noise(x, generator(1))
    again, _ = noise(x.contiguous(memory_format=torch.channels_last), generator(1))
    assert torch.equal(first, again)
    double, double_mask = noise(x.double(), generator(1))
    assert double.dtype == torch.float64
    assert torch.equal(mask, double_mask)
    torch.testing.assert_close(double.float(), first)
    assert not torch.equal(noise(x, generator(2)).x, first)


@pytest.mark.parametrize("noise", NOISES)
def test_the_input_is_left_alone_and_an_empty_batch_passes(noise: Noise) -> None:
    x = torch.ones(4, 3, 5, 5)
    noise(x, generator(0))
    assert torch.equal(x, torch.ones(4, 3, 5, 5))
    assert noise(x[:0], generator(0)).x.shape == (0, 3, 5, 5)


def test_the_ends_of_the_rate() -> None:
    x = torch.ones(2, 1, 5, 5)
    assert torch.equal(mask_noise(x, rate=0.0, generator=generator(0)).x, x)
    assert not mask_noise(x, rate=1.0, generator=generator(0)).x.any()


def test_what_makes_no_sense_is_refused() -> None:
    x, g = torch.ones(1, 1, 2, 2), generator(0)
    with pytest.raises(ValueError, match=r"mask_noise needs a rate in \[0, 1\]; got 1.5"):
        mask_noise(x, rate=1.5, generator=g)
    with pytest.raises(ValueError, match=r"salt_pepper needs a rate in \[0, 1\]; got -1"):
        salt_pepper(x, rate=-1, low=0, high=1, generator=g)
    with pytest.raises(ValueError, match=r"deviation of at least 0; got -0\.1"):
        gaussian_noise(x, std=-0.1, generator=g)
