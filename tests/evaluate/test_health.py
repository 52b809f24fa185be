"""Figures of a stage's health on networks whose answers are known."""

import pytest
import torch

from featlearn.config.autoencoding import PlainSpec
from featlearn.config.banks import ConvSpec, DenseSpec
from featlearn.config.data import DataSpec
from featlearn.config.recipe import Recipe
from featlearn.config.stages import PatchSpec, StageSpec
from featlearn.evaluate.health import brief_health, hoyer_sparsity, stack_health
from featlearn.evaluate.rebuilding import joined, rebuildable
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, build_stack
from featlearn.stages.stage import Stage

IMAGE = MapShape(1, 4, 4)


def images(count: int = 50) -> torch.Tensor:
    return torch.rand(count, *IMAGE, generator=torch.Generator().manual_seed(0))


def dense(maps: int, *, activation: str = "identity", objective: bool = True) -> Stack:
    spec = StageSpec(
        name="only",
        filter=DenseSpec(maps=maps),
        activation=activation,  # pyright: ignore[reportArgumentType]
        input="none",
        objective=PlainSpec() if objective else None,
    )
    recipe = Recipe(title="t", data=DataSpec(source="digits"), stages=(spec,))
    return build_stack(recipe, IMAGE, seed=0).eval()


@torch.no_grad()
def set_weights(stack: Stack, weight: torch.Tensor) -> None:
    stack.stage(0).filter.weight.copy_(weight.reshape(-1, *IMAGE))


def test_an_orthonormal_code_of_every_direction_explains_all() -> None:
    stack = dense(16)
    set_weights(stack, torch.linalg.qr(torch.randn(16, 16)).Q)
    (health,) = stack_health(stack, images().split(20))
    assert health.explained_variance == pytest.approx(1, abs=1e-5)
    assert (health.units, health.images, health.stage) == (16, 50, "only")


def test_explains_what_its_directions_hold() -> None:
    stack, x = dense(16), images()
    set_weights(stack, torch.eye(16) * (torch.arange(16) < 5).float())
    flat = x.flatten(1)
    total = (flat - flat.mean(0)).square().sum()
    expected = 1 - flat[:, 5:].square().sum() / total
    (health,) = stack_health(stack, x.split(7))
    assert health.explained_variance == pytest.approx(float(expected), abs=1e-5)


def test_dead_and_active_units_are_counted() -> None:
    stack = dense(16, activation="relu")
    weight = torch.eye(16)
    weight[:4] = 0.0
    weight[4:8] *= -1
    set_weights(stack, weight)
    (health,) = stack_health(stack, [images() + 0.1])
    assert health.dead == 0.5
    assert health.active == 0.5


def test_units_are_sorted_by_how_often_they_are_in_a_code() -> None:
    stack = dense(6, activation="relu")
    set_weights(stack, torch.eye(16)[:6])
    x = torch.zeros(200, *IMAGE)
    for unit, often in enumerate((0, 2, 4, 20, 60, 200)):
        x[:often, 0, unit // 4, unit % 4] = 1 + torch.rand(often)
    (health,) = stack_health(stack, x.split(64))
    assert health.activity == pytest.approx([1 / 6] * 6)
    assert health.l0 == pytest.approx(sum((0, 2, 4, 20, 60, 200)) / 200)
    assert health.active == pytest.approx(health.l0 / 6)


def test_the_rank_is_of_maps_where_filters_are_shared_and_of_units_elsewhere() -> None:
    x = torch.randn(300, *IMAGE, generator=torch.Generator().manual_seed(0))
    (of_units,) = stack_health(dense(16), x.split(100))
    assert of_units.directions == 16
    spec = StageSpec(
        name="only", filter=ConvSpec(size=2, maps=3), activation="identity", input="none"
    )
    recipe = Recipe(title="t", data=DataSpec(source="digits"), stages=(spec,))
    stack = build_stack(recipe, IMAGE, seed=0).eval()
    with torch.no_grad():
        stack.stage(0).filter.weight[2] = stack.stage(0).filter.weight[0]
    (of_maps,) = stack_health(stack, x.split(100))
    assert of_maps.directions == 3
    assert of_maps.effective_rank < 2.001  # two of the maps are one
    assert of_maps.duplicates == pytest.approx(1 / 3)


def test_few_images_bound_the_directions() -> None:
    (health,) = stack_health(dense(16), [images(5)])
    assert health.directions == 4
    assert health.effective_rank <= 4 + 1e-6


def test_the_brief_figures_are_those_of_the_whole() -> None:
    stack = dense(5, activation="relu")
    (health,) = stack_health(stack, images().split(20))
    assert brief_health(stack, [0], images().split(20)) == {
        "only": {
            "dead": health.dead,
            "l0": health.l0,
            "explained_variance": pytest.approx(health.explained_variance),
        }
    }
    assert set(brief_health(dense(5, objective=False), [0], [images()])["only"]) == {"dead", "l0"}
    assert brief_health(stack, [0], []) == {}
    assert brief_health(stack, [], [images()]) == {}


def test_a_unit_stuck_above_zero_is_dead_too() -> None:
    stack = dense(2)
    set_weights(stack, torch.eye(16)[:2])
    x = images()
    x[:, :, 0, 0] = 0.7
    (health,) = stack_health(stack, [x])
    assert health.dead == 0.5


def test_a_stage_without_a_decoder_explains_nothing() -> None:
    (health,) = stack_health(dense(3, objective=False), [images()])
    assert health.explained_variance is None


def test_constant_images_leave_nothing_to_explain() -> None:
    (health,) = stack_health(dense(3), [torch.ones(4, *IMAGE)])
    assert health.explained_variance is None
    assert health.dead == 1.0


def test_no_images_no_figures() -> None:
    assert stack_health(dense(3), []) == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [([1.0, 1, 1, 1], 0.0), ([0.0, -3, 0, 0], 1.0), ([0.0, 0, 0, 0], 1.0), ([2.0], 1.0)],
)
def test_hoyer_at_its_ends(code: list[float], expected: float) -> None:
    assert hoyer_sparsity(torch.tensor([code])).tolist() == pytest.approx([expected])


def test_hoyer_is_its_formula() -> None:
    code = torch.randn(6, 9, dtype=torch.float64)
    ratio = code.norm(p=1, dim=1) / code.norm(p=2, dim=1)
    torch.testing.assert_close(hoyer_sparsity(code), (3 - ratio) / 2)


def moved_over(bank: DenseSpec | ConvSpec, patches: PatchSpec | None) -> Stage:
    spec = StageSpec(name="moved", filter=bank, patches=patches, input="none")
    recipe = Recipe(title="t", data=DataSpec(source="digits"), stages=(spec,))
    return build_stack(recipe, MapShape(1, 5, 4), seed=0).stage(0)


@pytest.mark.parametrize("bank", [DenseSpec(maps=3, size=2), ConvSpec(maps=3, size=2)])
def test_a_patch_filter_is_asked_for_patches_side_by_side(bank: DenseSpec | ConvSpec) -> None:
    stage = moved_over(bank, PatchSpec(size=2))
    x = torch.arange(40.0).reshape(2, 1, 5, 4)
    patches = rebuildable(stage, x)
    assert patches.shape == (8, 1, 2, 2)
    assert patches[1, 0].tolist() == [[2.0, 3.0], [6.0, 7.0]]
    assert patches[4, 0].tolist() == [[20.0, 21.0], [24.0, 25.0]]


def test_other_stages_take_maps_whole() -> None:
    x = images(2)
    assert rebuildable(dense(3).stage(0), x) is x
    assert rebuildable(moved_over(DenseSpec(maps=3, size=2), None), x) is x
    assert rebuildable(moved_over(ConvSpec(maps=3, size=2), PatchSpec(size=4)), x) is x


def test_patches_are_put_side_by_side_again() -> None:
    stage, x = moved_over(ConvSpec(maps=3, size=2), PatchSpec(size=2)), torch.rand(3, 1, 5, 4)
    assert torch.equal(joined(stage, rebuildable(stage, x), x), x[:, :, :4])
    whole = moved_over(ConvSpec(maps=3, size=2), None)
    assert joined(whole, x, x) is x


def test_a_stage_of_patches_is_measured_on_patches_of_that_size() -> None:
    """Over the whole image twice as many of its reconstructions overlap, and explain less."""
    spec = StageSpec(
        name="only",
        filter=ConvSpec(size=2, maps=1),
        activation="identity",
        input="none",
        patches=PatchSpec(size=2),
        objective=PlainSpec(),
    )
    recipe = Recipe(title="t", data=DataSpec(source="digits"), stages=(spec,))
    stack = build_stack(recipe, IMAGE, seed=0).eval()
    with torch.no_grad():
        stack.stage(0).filter.weight.fill_(0.5)
    x = images().double()
    # Of unit norm, the filter puts the mean of a patch in place of each of its pixels.
    wrong = total = 0.0
    quarters = [x[:, 0, i : i + 2, j : j + 2] for i in (0, 2) for j in (0, 2)]
    patches = torch.cat(quarters).numpy()
    for patch in patches:
        wrong += float(((patch - patch.mean()) ** 2).sum())
        total += float(((patch - patches.mean(0)) ** 2).sum())
    (health,) = stack_health(stack, x.float().split(8))
    assert health.explained_variance == pytest.approx(1 - wrong / total, abs=1e-5)
