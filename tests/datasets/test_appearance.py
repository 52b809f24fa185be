import colorsys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from scipy import ndimage
from torch import Tensor

from featlearn.datasets.appearance import blur, brighten, cut_out, saturate, stretch, turn_hue
from featlearn.errors import ShapeError

Change = Callable[[Tensor, Tensor], Tensor]

FACTORS = [0.0, 0.4, 1.0, 1.7]


def pictures(count: int = 4, maps: int = 3, height: int = 9, width: int = 12) -> Tensor:
    """Draw images with grey, black, white and plain red pixels among others."""
    rng = np.random.default_rng(0)
    x = rng.random((count, maps, height, width))
    for place, colour in enumerate([(0.3, 0.3, 0.3), (0, 0, 0), (1, 1, 1), (1, 0, 0)]):
        x[:, :, 0, place] = np.resize(colour, maps)
    return torch.from_numpy(x)


def blurred(x: Tensor, sigma: Tensor) -> Tensor:
    return blur(x, sigma, radius=8)


def hidden(x: Tensor, draw: Tensor) -> Tensor:
    return cut_out(x, torch.stack([draw, draw], dim=1).long(), size=1)


CHANGES: dict[str, Change] = {
    "brighten": brighten,
    "saturate": saturate,
    "turn_hue": lambda x, draw: turn_hue(x, draw * 100),
    "stretch": stretch,
    "blur": blurred,
    "cut_out": hidden,
}


def of_pillow(
    x: Tensor, enhance: type[ImageEnhance.Brightness], factor: float
) -> NDArray[np.uint8]:
    """Change one image as PIL does, in 8 bits."""
    eight = (x[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    return np.asarray(enhance(Image.fromarray(eight)).enhance(factor))


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize(
    ("change", "enhance"),
    [
        (brighten, ImageEnhance.Brightness),
        (saturate, ImageEnhance.Color),
        (stretch, ImageEnhance.Contrast),
    ],
)
def test_colours_change_as_in_pillow(change: Change, enhance: type, factor: float) -> None:
    x = (pictures(1) * 255).round() / 255
    expected = of_pillow(x, enhance, factor).transpose(2, 0, 1)
    y = change(x, torch.tensor([factor], dtype=x.dtype)) * 255
    # It rounds the grey value, and then cuts the fraction off the result.
    np.testing.assert_allclose(y[0], expected, atol=1.5)


@pytest.mark.parametrize("factor", FACTORS)
def test_grey_images_change_in_brightness_and_contrast(factor: float) -> None:
    x = pictures(3, maps=1)
    factors = torch.full((3,), factor, dtype=x.dtype)
    grey = x.numpy()
    np.testing.assert_allclose(brighten(x, factors), np.clip(grey * factor, 0, 1))
    for one, y in zip(grey, stretch(x, factors).numpy(), strict=True):
        mean = one.mean()
        expected = np.clip(mean + factor * (one - mean), 0, 1)
        np.testing.assert_allclose(y, expected, atol=1e-12)


@pytest.mark.parametrize("degrees", [-180, -100, -7.5, 0, 60, 120, 180])
def test_hue_turns_as_in_colorsys(degrees: float) -> None:
    x = pictures(2)
    y = turn_hue(x, torch.tensor([degrees, -degrees], dtype=x.dtype))
    for image, turned, turn in zip(x, y, (degrees, -degrees), strict=True):
        for before, after in zip(image.flatten(1).T.tolist(), turned.flatten(1).T, strict=True):
            hue, saturation, value = colorsys.rgb_to_hsv(*before)
            expected = colorsys.hsv_to_rgb((hue + turn / 360) % 1, saturation, value)
            np.testing.assert_allclose(after, expected, atol=1e-12)


def test_a_third_of_a_turn_takes_red_to_green() -> None:
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    turned = turn_hue(red, torch.tensor([120.0])).flatten()
    torch.testing.assert_close(turned, torch.tensor([0.0, 1.0, 0.0]))


@pytest.mark.parametrize("maps", [1, 2, 4])
def test_only_three_maps_have_saturation_and_hue(maps: int) -> None:
    x = pictures(maps=maps)
    assert saturate(x, torch.full((4,), 0.5)) is x
    assert turn_hue(x, torch.full((4,), 90.0)) is x


@pytest.mark.parametrize("maps", [1, 3])
def test_blur_is_that_of_scipy(maps: int) -> None:
    x, sigma = pictures(4, maps=maps), [0.0, 0.3, 1.0, 2.0]
    y = blur(x, torch.tensor(sigma, dtype=x.dtype), radius=8)
    assert torch.equal(y[0], x[0])
    for one, result, width in zip(x[1:].numpy(), y[1:], sigma[1:], strict=True):
        for before, after in zip(one, result, strict=True):
            expected = ndimage.gaussian_filter(before, width, mode="nearest", radius=8)
            np.testing.assert_allclose(after, expected, atol=1e-12)


@pytest.mark.parametrize("size", [1, 4, 5, 9])
def test_a_square_is_hidden_under_the_mean(size: int) -> None:
    x = pictures(5, maps=2)
    centre = torch.tensor([[0, 0], [8, 11], [4, 6], [0, 11], [7, 1]])
    y = cut_out(x, centre, size=size)
    for image, (row, column), result in zip(x, centre.tolist(), y, strict=True):
        expected = image.clone()
        for r in range(row - size // 2, row - size // 2 + size):
            for c in range(column - size // 2, column - size // 2 + size):
                if 0 <= r < 9 and 0 <= c < 12:
                    expected[:, r, c] = image.mean((1, 2))
        torch.testing.assert_close(result, expected)


def test_a_square_larger_than_the_images_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"cut-out of 10 x 10 pixels is larger than .* 9 x 12"):
        cut_out(pictures(), torch.zeros(4, 2), size=10)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("maps", [1, 3])
def test_images_in_0_and_1_stay_there(name: str, dtype: torch.dtype, maps: int) -> None:
    draw = torch.linspace(0, 2, 200, dtype=dtype)
    x = pictures(200, maps=maps).to(dtype)
    x[::2] = x[::2].round()
    y = CHANGES[name](x, draw)
    assert y.shape == x.shape
    assert y.dtype == dtype
    assert 0 <= y.min() <= y.max() <= 1


@pytest.mark.parametrize("name", CHANGES)
def test_values_beyond_0_and_1_keep_their_own_range(name: str) -> None:
    x = pictures(50) * torch.tensor([3.0, 1.0]).repeat(25).view(-1, 1, 1, 1) - 1
    y = CHANGES[name](x, torch.linspace(0, 2, 50, dtype=x.dtype))
    low, high = x.amin((1, 2, 3)).clamp(max=0), x.amax((1, 2, 3)).clamp(min=1)
    assert (y.amin((1, 2, 3)) >= low).all()
    assert (y.amax((1, 2, 3)) <= high).all()


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("value", [0.0, 1e-30, 0.3, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (3, 5)])
def test_a_constant_image_stays_constant(name: str, value: float, size: tuple[int, int]) -> None:
    x = torch.full((3, 3, *size), value)
    y = CHANGES[name](x, torch.tensor([0.0, 0.5, 0.9]))
    assert torch.isfinite(y).all()
    torch.testing.assert_close(y, y[..., :1, :1].expand_as(y))
    if name != "brighten":
        torch.testing.assert_close(y, x)


@pytest.mark.parametrize("name", CHANGES)
def test_an_image_changes_by_its_own_draw_whatever_the_others(name: str) -> None:
    x, draw = pictures(6).float(), torch.linspace(0.1, 2, 6)
    y = CHANGES[name](x, draw)
    for place in range(6):
        one = CHANGES[name](x[place : place + 1], draw[place : place + 1])
        assert torch.equal(one[0], y[place])
