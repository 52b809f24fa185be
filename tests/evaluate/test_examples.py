"""Units and codes of an image, taken down: against gradients, and stages that lose nothing."""

import msgspec
import pytest
import torch
from torch import Tensor, nn

from featlearn.config.autoencoding import PlainSpec
from featlearn.config.banks import ConvSpec, LocalSpec
from featlearn.config.data import DataSpec
from featlearn.config.pieces import (
    AnyPoolSpec,
    AvgPoolSpec,
    BatchNormSpec,
    GroupPoolSpec,
    L2PoolSpec,
    LCNSpec,
    LRNSpec,
    MaxPoolSpec,
    NormSpec,
    SheetPoolSpec,
)
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.errors import ShapeError, UsageError
from featlearn.evaluate.decoding import decode
from featlearn.evaluate.examples import answered_windows, project_examples, rebuild_examples
from featlearn.evaluate.projection import Unit, project_units
from featlearn.evaluate.units import part_of
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, What, build_stack
from featlearn.ops.lcn import lcn_statistics

IMAGE = MapShape(2, 9, 8)
FIRST = StageSpec(
    name="first",
    filter=LocalSpec(size=3, maps=3),
    activation="identity",
    pool=AvgPoolSpec(size=3, stride=2, padding="same"),
    objective=PlainSpec(),
)
SECOND = StageSpec(
    name="second",
    filter=ConvSpec(size=2, maps=4, padding="same"),
    activation="identity",
    pool=MaxPoolSpec(size=2, stride=1),
    objective=PlainSpec(),
)
UNITS = [(0, 1, 1), (3, 0, 1), (2, 1, 0)]


def build(*stages: StageSpec, image: MapShape = IMAGE) -> Stack:
    recipe = Recipe(title="t", data=DataSpec(source="digits"), stages=stages)
    return build_stack(recipe, image, seed=0).double().eval()


def pictures(count: int = 3, image: MapShape = IMAGE) -> Tensor:
    return torch.rand(count, *image, generator=torch.Generator().manual_seed(3)).double()


def gradients(stack: Stack, index: int, units: list[Unit], images: Tensor, what: What) -> Tensor:
    """The gradient of a unit of each image, times its value."""
    x = images.clone().requires_grad_()
    maps = part_of(stack.stage(index)(stack.maps_below(x, index)), what)
    values = torch.stack([maps[(place, *unit)] for place, unit in enumerate(units)])
    (found,) = torch.autograd.grad(values.sum(), x)
    return found * values.detach().view(-1, 1, 1, 1)


def test_of_average_pooling_it_is_the_projection_times_the_code() -> None:
    apart = msgspec.structs.replace(FIRST, pool=AvgPoolSpec(size=2, stride=2))
    stack, images = build(apart, SECOND), pictures()
    codes = stack(images)[1].code
    values = torch.stack([codes[(place, *unit)] for place, unit in enumerate(UNITS)])
    torch.testing.assert_close(
        project_examples(stack, 1, UNITS, images, what="code", batch=2),
        project_units(stack, 1, UNITS) * values.view(-1, 1, 1, 1),
    )


@pytest.mark.parametrize("activation", ["identity", "relu"])
@pytest.mark.parametrize(
    "pool",
    [
        None,
        AvgPoolSpec(size=2, stride=2),
        MaxPoolSpec(size=3, stride=2, padding="same"),
        L2PoolSpec(size=3, stride=2, padding="same"),
        GroupPoolSpec(size=3),
        SheetPoolSpec(rows=1, columns=3, size=1),
    ],
)
@pytest.mark.parametrize("what", ["code", "pooled", "output"])
def test_pooling_is_its_derivative_at_the_image(
    activation: str, pool: AnyPoolSpec | None, what: What
) -> None:
    first = msgspec.structs.replace(FIRST, pool=pool, activation=activation)
    stack, images = build(first, SECOND), pictures()
    found = project_examples(stack, 1, UNITS, images, what=what)
    assert found.abs().amax((1, 2, 3)).min() > 0
    torch.testing.assert_close(found, gradients(stack, 1, UNITS, images, what))


class Times(nn.Module):
    """Crop, and multiply by what does not depend on the input."""

    def __init__(self, factor: Tensor) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, 1 : 1 + self.factor.shape[2], 1 : 1 + self.factor.shape[3]] * self.factor


def test_contrast_normalisation_is_undone_by_the_image_s_own_divisor() -> None:
    normed = msgspec.structs.replace(FIRST, norm=LCNSpec(size=3), pool=None)
    stack, twin, images = build(normed, SECOND), build(normed, SECOND), pictures()
    _, divisor = lcn_statistics(stack(images)[0].code.detach(), size=3)
    twin.stage(0).norm = Times(divisor)  # pyright: ignore[reportAttributeAccessIssue]
    codes, twins = (net(images)[1].code.detach() for net in (stack, twin))
    ratios = [float(codes[(i, *unit)] / twins[(i, *unit)]) for i, unit in enumerate(UNITS)]
    expected = gradients(twin, 1, UNITS, images, "code")
    found = project_examples(stack, 1, UNITS, images, what="code")
    torch.testing.assert_close(found, expected * torch.tensor(ratios).view(-1, 1, 1, 1).double())


def test_a_silent_unit_adds_nothing() -> None:
    stack = build(msgspec.structs.replace(FIRST, pool=L2PoolSpec(size=2), activation="relu"))
    bias = stack.stage(0).filter.bias
    assert bias is not None
    with torch.no_grad():
        bias.fill_(-100.0)
    found = project_examples(stack, 0, [(0, 1, 1)], pictures(1), what="code")
    assert torch.equal(found, torch.zeros(1, *IMAGE).double())
    assert project_examples(stack, 0, [], pictures(0)).shape == (0, *IMAGE)


def test_a_unit_that_is_not_there() -> None:
    stack = build(FIRST, SECOND)
    with pytest.raises(ShapeError, match="3 images need as many units; got 1"):
        project_examples(stack, 1, UNITS[:1], pictures())
    with pytest.raises(ShapeError, match=r"'first' has 3 maps of 4x3; no unit \(0, 4, 0\)"):
        project_examples(stack, 0, [(0, 4, 0)], pictures(1))
    plain = build(msgspec.structs.replace(FIRST, pool=None))
    with pytest.raises(UsageError, match="no pooling"):
        project_examples(plain, 0, [(0, 0, 0)], pictures(1), what="pooled")


def lossless(pool: AnyPoolSpec | None, norm: NormSpec | None = None) -> Stack:
    """Two stages of filters that are the identity."""
    maps = 4 if isinstance(pool, SheetPoolSpec) else 2
    stages = [
        StageSpec(
            name=name,
            filter=ConvSpec(size=1, maps=maps),
            activation="identity",
            pool=pool if name == "low" else None,
            norm=norm if name == "low" else None,
            objective=PlainSpec(),
        )
        for name in ("low", "high")
    ]
    stack = build(*stages)
    with torch.no_grad():
        for place in range(2):
            weight = stack.stage(place).filter.weight
            weight.copy_(torch.eye(*weight.shape[:2])[..., None, None])
    return stack


@pytest.mark.parametrize(
    ("pool", "norm"),
    [
        (None, None),
        (L2PoolSpec(size=3, stride=2, padding="same"), None),
        (GroupPoolSpec(size=2), None),
        (SheetPoolSpec(rows=2, columns=2, size=2), None),
        (None, BatchNormSpec()),
        (None, LRNSpec(size=2, alpha=0.5)),
    ],
)
def test_stages_that_lose_nothing_give_the_image_back(
    pool: AnyPoolSpec | None, norm: NormSpec | None
) -> None:
    stack, images = lossless(pool, norm), pictures() - 0.3
    if isinstance(norm, BatchNormSpec):
        batch_norm = stack.stage(0).norm
        assert isinstance(batch_norm, nn.BatchNorm2d)
        assert batch_norm.running_mean is not None
        with torch.no_grad():
            batch_norm.running_mean.fill_(0.4)
            batch_norm.weight.fill_(3.0)
            batch_norm.bias.fill_(-1.0)
    found = rebuild_examples(stack, 1, images)
    torch.testing.assert_close(found.rebuilt, images, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(found.given, images)
    assert found.error.max() < 1e-9
    assert found.without.min() > 0.1


def test_only_the_local_mean_is_lost_in_contrast_normalisation() -> None:
    pool, norm = L2PoolSpec(size=2, stride=2), LCNSpec(size=3, across=True)
    stack, images = lossless(pool, norm), pictures() - 0.3
    pooled = stack(images)[0].pooled.detach()
    mean, _ = lcn_statistics(pooled, size=3, across=True)
    left = torch.zeros_like(pooled)
    left[..., 1:-1, 1:-1] = (pooled - mean)[..., 1:-1, 1:-1] / pooled[..., 1:-1, 1:-1]
    factors = left.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    expected = torch.zeros_like(images)
    expected[:, :, :8] = images[:, :, :8] * factors
    torch.testing.assert_close(rebuild_examples(stack, 1, images).rebuilt, expected)


@pytest.mark.parametrize("kind", [MaxPoolSpec, AvgPoolSpec])
def test_unpooling_is_a_loop_over_windows(kind: type[MaxPoolSpec | AvgPoolSpec]) -> None:
    size, stride = 3, 2
    stack, images = lossless(kind(size=size, stride=stride)), pictures(1)
    total, count = torch.zeros_like(images), torch.zeros_like(images)
    for f in range(IMAGE.maps):
        for top in range(0, IMAGE.height - size + 1, stride):
            for left in range(0, IMAGE.width - size + 1, stride):
                window = images[0, f, top : top + size, left : left + size]
                if kind is MaxPoolSpec:
                    row, column = divmod(int(window.argmax()), size)
                    total[0, f, top + row, left + column] += window.max()
                    count[0, f, top + row, left + column] += 1
                else:
                    total[0, f, top : top + size, left : left + size] += window.mean()
                    count[0, f, top : top + size, left : left + size] += 1
    found = rebuild_examples(stack, 1, images)
    torch.testing.assert_close(found.rebuilt, total / count.clamp_min(1))
    error = (found.rebuilt - images).square().sum() / (images - images.mean()).square().sum()
    torch.testing.assert_close(found.error, error[None])


def test_without_anything_in_between_it_is_what_decode_gives() -> None:
    stack, images = build(msgspec.structs.replace(FIRST, pool=None)), pictures()
    expected = decode(stack, stack.encode(images)).detach()
    torch.testing.assert_close(rebuild_examples(stack, 0, images).rebuilt, expected)


def test_a_plain_image_has_no_error_to_compare_with() -> None:
    found = rebuild_examples(build(FIRST), 0, torch.full((1, *IMAGE), 0.5).double())
    assert found.error.isinf().all()


def test_what_is_shown_is_where_the_largest_of_all_places_was() -> None:
    """Against the places of the windows that a filter answers to most, found one by one."""
    image = MapShape(1, 12, 14)
    pooled = StageSpec(
        name="pooled",
        filter=ConvSpec(size=4, maps=3, bias=False),
        activation="identity",
        pool=MaxPoolSpec(size=9),
        objective=PlainSpec(),
    )
    stack, images = build(pooled, image=image), pictures(20, image)
    assert tuple(stack.stage(0).output_shape) == (3, 1, 3)
    bank = stack.stage(0).filter.weight.detach().numpy()
    for row in range(3):
        found = project_examples(stack, 0, [(row, 0, 1)] * 20, images)
        for window, pixels in zip(answered_windows(found), images[:, 0].numpy(), strict=True):
            answers = {
                (y, x): float((bank[row, 0] * pixels[y : y + 4, x : x + 4]).sum())
                for y in range(9)
                for x in range(1, 10)
            }
            won = max(answers, key=lambda place: answers[place])
            assert window == (*won, 4, 4)


def test_windows_hold_their_patterns_and_are_of_one_size() -> None:
    patterns = torch.zeros(4, 2, 10, 10)
    patterns[0, 0, 0:2, 8:10] = 1.0
    patterns[0, 0, 9, 9] = 0.01  # too faint to count
    patterns[1, 1, 4:7, 5] = -2e-3  # of a scale of its own
    patterns[2, 0, 9, 0:2] = 3.0
    assert answered_windows(patterns) == [(0, 8, 3, 2), (4, 4, 3, 2), (7, 0, 3, 2), (3, 4, 3, 2)]
    assert answered_windows(patterns[3:]) == [(0, 0, 10, 10)]
