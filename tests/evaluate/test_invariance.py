"""Invariance curves of hand-made networks that are known to bear a change, or not."""

import math
from typing import Literal

import pytest
import torch
from torch import Tensor

from featlearn.config.banks import ConvSpec, LocalSpec
from featlearn.config.data import DataSpec
from featlearn.config.pieces import AvgPoolSpec, L2PoolSpec
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.errors import DataError, ShapeError
from featlearn.evaluate.invariance import (
    Curves,
    goes_on,
    invariance_curves,
    kept_range,
    mean_responses,
    relative,
)
from featlearn.evaluate.transformed import Transformation, TransformationKind
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, build_stack

SIDE = 17


def build(
    kind: ConvSpec | LocalSpec, pool: AvgPoolSpec | L2PoolSpec | None = None, *, side: int = SIDE
) -> Stack:
    stage = StageSpec(name="only", filter=kind, pool=pool, activation="identity", input="none")
    recipe = Recipe(title="t", data=DataSpec(source="digits"), stages=(stage,))
    return build_stack(recipe, MapShape(1, side, side), seed=0).double().eval()


def pixels(pool: AvgPoolSpec | None = None) -> Stack:
    stack = build(ConvSpec(size=1, maps=1, bias=False), pool)
    with torch.no_grad():
        stack.stage(0).filter.weight.fill_(1.0)
    return stack


def spot(row: int = 8, column: int = 8, *, count: int = 1) -> Tensor:
    images = torch.zeros(1, count, 1, SIDE, SIDE, dtype=torch.float64)
    images[..., row, column] = 1.0
    return images


def draw(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def change(kind: TransformationKind, *amounts: float) -> Transformation:
    return Transformation(kind=kind, amounts=amounts)


SHIFTS = change("shift-x", -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)


def test_a_global_average_bears_every_shift() -> None:
    stack = pixels(AvgPoolSpec(size=SIDE))
    for kind in ("shift-x", "shift-y"):
        curves = invariance_curves(
            stack, 0, [(0, 0, 0)], spot(), transformation=change(kind, -3.0, 0.0, 2.0)
        )
        torch.testing.assert_close(relative(curves), torch.ones(1, 3, dtype=torch.float64))
        assert kept_range(curves).tolist() == [[-3.0, 2.0]]


def test_a_single_pixel_bears_no_shift() -> None:
    curves = invariance_curves(pixels(), 0, [(0, 8, 8)], spot(), transformation=SHIFTS)
    wanted = torch.tensor([[0, 0, 0, 1, 0, 0, 0]], dtype=torch.float64)
    torch.testing.assert_close(relative(curves), wanted)
    assert kept_range(curves).tolist() == [[-0.5, 0.5]]


def test_a_quadrature_pair_bears_every_phase_and_its_halves_do_not() -> None:
    pool = L2PoolSpec(size=2)
    stack = build(LocalSpec(size=32, maps=1, bias=False), pool, side=33)
    columns = torch.arange(33, dtype=torch.float64)
    with torch.no_grad():
        weight = stack.stage(0).filter.weight.zero_()  # (2, 2, 1, 1, 32, 32)
        weight[0, 0, 0, 0, 12, 12:20] = torch.cos(math.pi / 4 * columns[12:20])
        weight[0, 1, 0, 0, 12, 11:19] = torch.sin(math.pi / 4 * columns[12:20])
    image = (1 + torch.cos(math.pi / 4 * columns + 0.3)).expand(1, 1, 1, 33, 33)
    unit = [(0, 0, 0)]
    pair = relative(invariance_curves(stack, 0, unit, image, transformation=SHIFTS))
    half = relative(invariance_curves(stack, 0, unit, image, transformation=SHIFTS, what="code"))
    torch.testing.assert_close(pair, torch.ones_like(pair), atol=1e-6, rtol=0)
    assert half.min() < -0.5


def test_unchanged_images_give_the_responses_themselves() -> None:
    stack = build(LocalSpec(size=5, maps=2))
    images = draw(2, 6, 1, SIDE, SIDE)
    units = [(0, 3, 4), (1, 7, 2)]
    with torch.no_grad():
        answers = [stack(own)[0].output[:, *unit] for own, unit in zip(images, units, strict=True)]
    changes = [change("rotation", 0.0, 9.0), change("scale", 1.0, 1.5), change("noise", 0.0, 1.0)]
    for one in changes:
        curves = invariance_curves(stack, 0, units, images, transformation=one)
        for found, error, answer in zip(curves.responses, curves.errors, answers, strict=True):
            assert found[0] == answer.mean()
            torch.testing.assert_close(error[0], answer.std() / 6**0.5)
            assert found[1] != found[0]


@pytest.mark.parametrize(("about", "kept"), [("window", 1.0), ("image", 0.0)])
def test_things_turn_about_the_window_or_about_the_image(
    about: Literal["window", "image"], kept: float
) -> None:
    turn = Transformation(kind="rotation", amounts=(0.0, 30.0, 90.0), about=about)
    curves = invariance_curves(pixels(), 0, [(0, 3, 5)], spot(3, 5), transformation=turn)
    assert curves.responses[0, 1:].tolist() == pytest.approx([kept, kept], abs=1e-9)


def test_noise_is_the_same_for_every_amount_and_by_its_seed() -> None:
    stack, images = build(LocalSpec(size=5, maps=2)), spot(count=130)
    three = change("noise", 0.0, 0.5, 1.0)
    first = invariance_curves(stack, 0, [(0, 3, 4)], images, transformation=three).responses[0]
    torch.testing.assert_close(first[2] - first[0], 2 * (first[1] - first[0]))
    again = invariance_curves(stack, 0, [(0, 3, 4)], images, transformation=three).responses[0]
    assert torch.equal(first, again)
    other = Transformation(kind="noise", amounts=three.amounts, seed=1)
    found = invariance_curves(stack, 0, [(0, 3, 4)], images, transformation=other).responses[0]
    assert found[1] != first[1]


def test_the_baseline_is_the_mean_over_images() -> None:
    stack, images = build(LocalSpec(size=5, maps=2)), draw(9, 1, SIDE, SIDE)
    units = [(0, 3, 4), (1, 0, 2)]
    with torch.no_grad():
        maps = stack(images)[0].output
    found = mean_responses(stack, 0, units, images.split(4))
    torch.testing.assert_close(found, torch.stack([maps[:, *unit].mean() for unit in units]))
    with pytest.raises(DataError, match="at least one image"):
        mean_responses(stack, 0, units, [])


def curves_of(*rows: list[float], baseline: float = 0.0) -> Curves:
    responses = torch.tensor(rows)
    ground = torch.full((len(rows),), baseline)
    return Curves(SHIFTS, responses, responses * 0, ground, MapShape(1, SIDE, SIDE))


def test_the_range_ends_where_the_line_falls_under_half_of_the_peak() -> None:
    curves = curves_of(
        [0, 0, 2, 4, 3, 1, 9],  # the peak is beyond a gap: 4 < 9 / 2
        [0, 1, 3, 4, 4, 4, 3],
        [-1, -1, -1, -1, -1, -1, -1],
    )
    found = kept_range(curves)
    assert found[0].isnan().all()
    assert found[1].tolist() == [-1.5, 3.0]
    assert found[2].isnan().all()
    # 9 / 4 is crossed between 4 and 2, and between 3 and 1.
    assert kept_range(curves, share=0.25)[0].tolist() == [-1.75 / 2, 1 + 0.75 / 2]


def test_ends_go_on_where_only_trying_stopped() -> None:
    kept, falls = [4.0] * 3, [1.0, 4.0, 1.0]
    rising, never = [1.0, 4.0, 4.0], [0.0, 1.0, 9.0]
    responses = torch.tensor([kept, falls, rising, never], dtype=torch.float64)
    nothing = torch.zeros(4, dtype=torch.float64)
    shape = MapShape(1, 4, 4)

    def found(kind: TransformationKind, *amounts: float) -> list[list[bool]]:
        curves = Curves(change(kind, *amounts), responses, responses, nothing, shape)
        return goes_on(curves).tolist()

    on, done = [True, True], [False, False]
    assert found("rotation", -45.0, 0.0, 45.0) == [on, done, [False, True], done]
    # There is no less contrast than none.
    assert found("contrast", 0.0, 1.0, 2.0) == [[False, True], done, [False, True], done]
    noise = Curves(
        change("noise", 0.0, 0.4), responses[:1, :2], responses[:1, :2], nothing[:1], shape
    )
    assert goes_on(noise).tolist() == [[False, True]]


def test_the_baseline_counts_as_nothing() -> None:
    raised = curves_of([1, 1, 2, 3, 1, 1, 1], baseline=1.0)
    assert relative(raised)[0].tolist() == [0, 0, 0.5, 1, 0, 0, 0]
    assert kept_range(raised).tolist() == [[-1.0, 0.5]]
    assert relative(curves_of([1, 1, 2, 3, 1, 1, 1], baseline=4.0)).isnan().all()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ShapeError, match="for each of 2 units; got images for 1 and no baseline"):
        invariance_curves(pixels(), 0, [(0, 0, 0)] * 2, spot(), transformation=SHIFTS)
    with pytest.raises(DataError, match=r"unit \(0, 0, 0\) of stage 'only' has no image"):
        invariance_curves(pixels(), 0, [(0, 0, 0)], [spot()[0, :0]], transformation=SHIFTS)
    nothing = invariance_curves(pixels(), 0, [], [], transformation=SHIFTS)
    assert nothing.responses.shape == (0, 7)
    assert kept_range(nothing).shape == (0, 2)
