"""Changed images against scipy's, and amounts that make no curve."""

import math
from typing import get_args

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from featlearn.errors import UsageError
from featlearn.evaluate.transformed import (
    NEUTRAL,
    Transformation,
    TransformationKind,
    standard_transformation,
    transformed,
)
from featlearn.geometry import MapShape


def draw(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize(
    ("kind", "amount"),
    [
        ("shift-x", 2.0),
        ("shift-x", -3.4),
        ("shift-y", 1.5),
        ("shift-y", 40.0),
        ("rotation", 90.0),
        ("rotation", -17.0),
        ("scale", 0.6),
        ("scale", 1.7),
    ],
)
def test_geometry_is_scipys_with_a_mirrored_border(kind: TransformationKind, amount: float) -> None:
    images, centre = draw(2, 3, 9, 11), (4.2, 6.1)
    radians = math.radians(amount if kind == "rotation" else 0.0)
    factor = amount if kind == "scale" else 1.0
    # scipy takes (row, column), from output to input.
    turn = np.array([[np.cos(radians), np.sin(radians)], [-np.sin(radians), np.cos(radians)]])
    back = turn / factor
    moved = np.array([amount * (kind == "shift-y"), amount * (kind == "shift-x")])
    origin = np.array(centre[::-1])
    offset = origin - back @ (origin + moved)
    found = transformed(images, kind, amount, centre=centre).numpy()
    for n, maps in np.ndindex(2, 3):
        wanted = ndimage.affine_transform(
            images[n, maps].numpy(), back, offset.tolist(), order=1, mode="reflect"
        )
        np.testing.assert_allclose(found[n, maps], wanted, atol=1e-9)


def test_turning_is_counter_clockwise_as_seen() -> None:
    image = draw(1, 1, 6, 6)
    turned = transformed(image, "rotation", 90.0, centre=(2.5, 2.5))
    torch.testing.assert_close(turned, torch.rot90(image, 1, (2, 3)))


def test_nothing_is_done_by_the_neutral_amount() -> None:
    image = draw(1, 1, 5, 5)
    for kind, amount in NEUTRAL.items():
        assert transformed(image, kind, amount, centre=(0.3, 0.4)) is image


def test_contrast_and_noise_are_linear_in_the_amount() -> None:
    image, noise = draw(1, 2, 4, 4), draw(1, 2, 4, 4) - 0.5
    flat = transformed(image, "contrast", 0.0, centre=(0, 0))
    torch.testing.assert_close(flat, image.mean((2, 3), keepdim=True).expand_as(image))
    half = transformed(image, "contrast", 0.5, centre=(0, 0))
    torch.testing.assert_close(half, (image + flat) / 2)
    noisy = transformed(image, "noise", 0.3, centre=(0, 0), noise=noise)
    torch.testing.assert_close(noisy - image, 0.3 * noise)


@pytest.mark.parametrize(
    ("kind", "amount"), [("shift-x", 3.3), ("rotation", 33.0), ("scale", 0.5), ("contrast", 2.0)]
)
def test_a_constant_image_has_no_edges_after_any_change(
    kind: TransformationKind, amount: float
) -> None:
    image = torch.full((1, 1, 7, 5), 0.25, dtype=torch.float64)
    changed = transformed(image, kind, amount, centre=(1.0, 5.0))
    torch.testing.assert_close(changed, image)


@pytest.mark.parametrize("kind", get_args(TransformationKind))
def test_standard_amounts_hold_the_neutral_one(kind: TransformationKind) -> None:
    standard = standard_transformation(kind, MapShape(1, 20, 40))
    assert standard.amounts[standard.unchanged] == NEUTRAL[kind]
    if kind == "shift-x":
        assert standard.amounts[-1] == pytest.approx(16.0)


@pytest.mark.parametrize(
    ("kind", "amounts"),
    [
        ("rotation", (1.0, 0.0)),
        ("rotation", (0.0, 0.0)),
        ("scale", (0.5, 2.0)),
        ("shift-x", (0.0, math.inf)),
        ("shift-x", ()),
    ],
)
def test_amounts_that_make_no_curve_are_refused(
    kind: TransformationKind, amounts: tuple[float, ...]
) -> None:
    with pytest.raises(UsageError, match=f"amounts of {kind} are finite, ascending"):
        Transformation(kind=kind, amounts=amounts)


def test_impossible_amounts_and_kinds_are_refused() -> None:
    with pytest.raises(UsageError, match="scale cannot be by 0"):
        Transformation(kind="scale", amounts=(0.0, 1.0))
    with pytest.raises(UsageError, match="noise cannot be by -1"):
        Transformation(kind="noise", amounts=(-1.0, 0.0))
    with pytest.raises(UsageError, match=r"one of shift-x, .*; got 'shear'"):
        Transformation(kind="shear", amounts=(0.0,))  # pyright: ignore[reportArgumentType]
