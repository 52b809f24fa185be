"""Whitening of a stage's input against scikit-learn, and misuse."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from featlearn.config.banks import DenseSpec
from featlearn.config.inputs import WhitenSpec
from featlearn.config.load import load_recipe, parse_recipe
from featlearn.config.needs import whitening_bytes
from featlearn.config.plan import plan
from featlearn.config.stages import PatchSpec, StageSpec
from featlearn.datasets.source import open_splits
from featlearn.errors import DataError, RecipeError
from featlearn.evaluate.units import receptive_window
from featlearn.geometry import MapShape
from featlearn.networks.stack import build_stack
from featlearn.ops.random import generator
from featlearn.stages.scaler import Scaler, WhiteningScaler
from featlearn.stages.stage import build_stage
from featlearn.training.pictures import Pictures
from featlearn.training.problems import random_patches
from featlearn.training.settling import fit_scaler
from featlearn.workflows.pretrain import pretrain

SHAPE = MapShape(3, 4, 5)
RECIPE = """
title = "t"
data = { source = "digits" }
[[stages]]
name = "low"
filter = { kind = "conv", size = 3, maps = 4 }
pool = { kind = "max", size = 2, stride = 2 }
[[stages]]
name = "high"
input = { kind = "whiten", keep = 9 }
filter = { kind = "dense", maps = 6 }
"""


@pytest.fixture
def x() -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    mixed = torch.randn(500, 60, generator=draw) @ torch.randn(60, 60, generator=draw)
    return (mixed + 3).view(500, *SHAPE)


def fitted(x: torch.Tensor, *, damping: float = 1e-6, unit_length: bool = False) -> WhiteningScaler:
    spec = WhitenSpec(keep=12, damping=damping, unit_length=unit_length)
    scaler = WhiteningScaler(SHAPE, spec)
    scaler.fit(x.split(64))
    return scaler


def test_components_are_those_of_scikit_learn(x: torch.Tensor) -> None:
    y = fitted(x)(x)
    assert y.shape == (500, 12, 1, 1)
    wanted = PCA(12, whiten=True).fit_transform(x.flatten(1).numpy())
    ours = y.flatten(1).numpy()
    np.testing.assert_allclose(np.abs(ours), np.abs(wanted), atol=2e-3)


def test_damping_is_a_share_of_the_mean_variance(x: torch.Tensor) -> None:
    variances = PCA(12).fit(x.flatten(1).numpy()).explained_variance_
    wanted = variances / (variances + 0.5 * variances.mean())
    ours = fitted(x, damping=0.5)(x).flatten(1).var(0)
    np.testing.assert_allclose(ours, wanted, rtol=1e-3)


def test_what_is_kept_comes_back(x: torch.Tensor) -> None:
    pca = PCA(12).fit(x.flatten(1).numpy())
    wanted = pca.inverse_transform(pca.transform(x.flatten(1).numpy()))
    scaler = fitted(x)
    back = scaler.invert(scaler(x))
    np.testing.assert_allclose(back.flatten(1), wanted, atol=1e-2)
    differences = scaler.invert_linear(scaler(x) - scaler(x[:1]))
    torch.testing.assert_close(differences, back - back[:1], atol=1e-3, rtol=1e-3)


def test_the_transpose_is_that_of_the_jacobian(x: torch.Tensor) -> None:
    scaler, y = fitted(x), torch.randn(1, 12, 1, 1)
    images = x[:1].clone().requires_grad_()
    (wanted,) = torch.autograd.grad(scaler(images), images, y)
    torch.testing.assert_close(scaler.transpose(y), wanted)


def test_unit_length_leaves_the_direction(x: torch.Tensor) -> None:
    plain, unit = fitted(x)(x).flatten(1), fitted(x, unit_length=True)(x).flatten(1)
    torch.testing.assert_close(unit.norm(dim=1), torch.ones(500))
    torch.testing.assert_close(unit * plain.norm(dim=1, keepdim=True), plain)
    scaler = fitted(x, unit_length=True)
    assert not scaler(scaler.components.mean.view(1, *SHAPE)).any()


def test_half_precision_around_it_changes_nothing(x: torch.Tensor) -> None:
    scaler = fitted(x)
    with torch.autocast("cpu", torch.bfloat16):
        found = scaler(x)
    assert torch.equal(found, scaler(x))


WINDOWS = WhitenSpec(keep=7, size=2, damping=1e-6)


def windows_of(x: torch.Tensor) -> torch.Tensor:
    """List the windows of 2 x 2 one by one: `(n, rows, columns, 12)`."""
    rows = [
        torch.stack([x[:, :, r : r + 2, c : c + 2].flatten(1) for c in range(4)], 1)
        for r in range(3)
    ]
    return torch.stack(rows, 1)


def of_windows(x: torch.Tensor, spec: WhitenSpec = WINDOWS) -> WhiteningScaler:
    scaler = WhiteningScaler(SHAPE, spec)
    scaler.fit(x.split(64))
    return scaler


def test_every_window_is_whitened_by_itself_and_all_alike(x: torch.Tensor) -> None:
    scaler = of_windows(x)
    y = scaler(x)
    assert y.shape == (500, *scaler.output_shape) == (500, 7, 3, 4)
    whole = WhiteningScaler(MapShape(3, 2, 2), WhitenSpec(keep=7, damping=1e-6))
    whole.load_state_dict(scaler.state_dict())
    for r in range(3):
        for c in range(4):
            torch.testing.assert_close(
                y[..., r, c], whole(x[:, :, r : r + 2, c : c + 2]).flatten(1)
            )


def test_windows_of_all_places_are_measured(x: torch.Tensor) -> None:
    # The parts of a small plane are all measured, and those of a large one from sample to sample.
    small = x[..., :3, :3]
    scaler = WhiteningScaler(MapShape(3, 3, 3), WINDOWS)
    scaler.fit(small.split(64))
    cut = small.unfold(2, 2, 1).unfold(3, 2, 1).permute(0, 2, 3, 1, 4, 5).reshape(-1, 12)
    wanted = PCA(7, whiten=True).fit(cut.numpy())
    ours = scaler(small).permute(0, 2, 3, 1).reshape(-1, 7)
    np.testing.assert_allclose(ours.abs().numpy(), np.abs(wanted.transform(cut.numpy())), atol=5e-3)
    large = of_windows(x)
    mean = windows_of(x).mean((0, 1, 2))
    spread = windows_of(x).flatten(0, 2).std(0)
    assert ((large.components.mean - mean).abs() < 0.1 * spread).all()


def test_windows_come_back_as_the_mean_of_what_they_say(x: torch.Tensor) -> None:
    scaler = of_windows(x, WhitenSpec(keep=12, size=2, damping=1e-6))
    y = scaler(x)
    torch.testing.assert_close(scaler.invert(y), x, atol=2e-2, rtol=1e-3)
    differences = scaler.invert_linear(y - y[:1])
    torch.testing.assert_close(differences, x - x[:1], atol=2e-2, rtol=1e-3)


def test_the_transpose_of_windows_is_that_of_the_jacobian(x: torch.Tensor) -> None:
    scaler, y = of_windows(x), torch.randn(1, 7, 3, 4)
    images = x[:1].clone().requires_grad_()
    (wanted,) = torch.autograd.grad(scaler(images), images, y)
    torch.testing.assert_close(scaler.transpose(y), wanted)


def test_each_window_has_a_length_of_its_own(x: torch.Tensor) -> None:
    scaler = of_windows(x, WhitenSpec(keep=7, size=2, unit_length=True))
    torch.testing.assert_close(scaler(x).norm(dim=1), torch.ones(500, 3, 4))
    larger = x.repeat(1, 1, 2, 2)
    assert scaler(larger).shape == (500, 7, 7, 9)  # maps of another size have more windows


def test_it_does_not_follow_batches(x: torch.Tensor) -> None:
    scaler = fitted(x)
    before = scaler(x[:3])
    scaler.running = True
    scaler.update(x * 7)
    assert torch.equal(scaler(x[:3]), before)


def test_constant_maps_give_zeros() -> None:
    scaler = WhiteningScaler(SHAPE, WhitenSpec(keep=2))
    scaler.fit([torch.full((8, *SHAPE), 0.5)])
    constant = torch.full((2, *SHAPE), 0.5)
    assert not scaler(constant).any()
    assert scaler(constant + 1e-4).abs().max() < 1e-2  # shifted, not blown up


def test_numbers_that_are_not_finite_are_refused(x: torch.Tensor) -> None:
    x[3, 1] = torch.nan
    with pytest.raises(DataError, match="NaN or infinity"):
        fitted(x)
    with pytest.raises(DataError, match="without a single"):
        fitted(x[:0])
    with pytest.raises(DataError, match="without a single"):
        WhiteningScaler(SHAPE, WhitenSpec(keep=2)).fit([])


def test_stages_are_built_counted_and_saved_with_it() -> None:
    recipe, image = parse_recipe(RECIPE), MapShape(1, 8, 8)
    stack = build_stack(recipe, image, seed=0)
    stages = [stack.stage(name) for name in stack.names]
    high = stages[-1]
    assert isinstance(high.scaler, Scaler)
    assert high.filter.weight.shape == (6, 9, 1, 1)
    counted = plan(recipe, image)
    whitening, layer = counted.layers[-2:]
    assert (whitening.name, whitening.kind) == ("high.input", "whitening")
    assert whitening.fixed == sum(buffer.numel() for buffer in high.scaler.buffers())
    assert whitening.memory == 4 * (whitening.fixed + 9)
    assert whitening.flops == 36 + 2 * 36 * 9
    assert counted.totals.weights == sum(stage.filter.weight.numel() for stage in stages)
    assert (layer.weights, layer.biases, layer.receptive_field) == (6 * 9, 6, (8, 8))
    maps = torch.rand(2, 4, 3, 3)
    assert high(maps).output.shape == (2, 6, 1, 1)
    assert high.rebuild(maps).shape == maps.shape
    kept = {f"scaler.components.{name}" for name in ("mean", "matrix", "inverse")}
    assert kept <= set(high.state_dict())


WINDOWED = RECIPE.replace("keep = 9", "keep = 9, size = 2").replace(
    'kind = "dense", maps = 6', 'kind = "conv", size = 1, maps = 6'
)


def test_windows_are_counted_and_may_be_patches() -> None:
    stack = build_stack(parse_recipe(WINDOWED), MapShape(1, 8, 8), seed=0)
    high = stack.stage(1)
    assert high.output_shape == (6, 2, 2)
    counted = plan(parse_recipe(WINDOWED), MapShape(1, 8, 8))
    whitening, layer = counted.layers[-2:]
    assert whitening.output == (9, 2, 2)
    assert whitening.fixed == sum(buffer.numel() for buffer in high.scaler.buffers())
    assert whitening.flops == 4 * (16 + 2 * 16 * 9)
    # A window of 2 pooled places, each of 2 of the codes of 3 pixels, a step of 2 apart.
    assert layer.receptive_field == (6, 6)
    window = receptive_window(stack, 1, (0, 1, 0))
    assert window == (2, 0, 6, 6)
    learned = parse_recipe(f'{WINDOWED}\npatches = {{ size = 3, at = "middle" }}')
    assert learned.stages[1].patches is not None


@pytest.mark.parametrize(
    ("patches", "said"),
    [
        ("size = 1", r"at least `filter.size` \+ `input.size` − 1 \(2\); got 1"),
        ('size = 2, at = "middle", per_image = 2', "one patch of an image"),
    ],
)
def test_patches_too_small_for_a_window_are_refused(patches: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        parse_recipe(f"{WINDOWED}\npatches = {{ {patches} }}")


def test_the_middle_is_learned_from_and_measured(tmp_path: Path) -> None:
    draw = torch.Generator().manual_seed(0)
    images = torch.rand(40, 1, 8, 8, generator=draw)
    images[..., 2:6, 2:6] += 3  # whatever is not in the middle is another matter
    patch = images[..., 2:6, 2:6]
    spec = PatchSpec(size=4, at="middle")
    assert torch.equal(random_patches(images, spec, draw), patch)
    np.save(tmp_path / "x.npy", images.numpy() / 4)
    text = WINDOWED.replace('source = "digits"', f'source = "{tmp_path / "x.npy"}"')
    recipe = parse_recipe(
        text.replace('name = "low"', 'name = "low"\npatches = { size = 4, at = "middle" }')
    )
    stack = build_stack(recipe, MapShape(1, 8, 8), seed=0)
    sample = Pictures(open_splits(recipe.data, root=tmp_path, seed=0).train, torch.device("cpu"))
    fit_scaler(stack, 0, sample)
    whole = sample.at(range(len(sample)))[..., 2:6, 2:6]
    centre = stack.stage(0).scaler.get_buffer("centre")
    torch.testing.assert_close(centre.squeeze(), whole.mean())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("keep = 9", "keep = 9, size = 4", r"'high': input.size 4 does not fit into 3x3"),
        ("keep = 9", "keep = 9, size = 1", r"'high': input.keep must be at most 4, for"),
        ("keep = 9", "keep = 37", r"'high': input.keep must be at most 36.*got 37"),
        ("keep = 9", "keep = 0", "keep must be >= 1; got 0"),
        ("keep = 9", "keep = 9, damping = 0", "damping must be > 0; got 0"),
        ('filter = { kind = "dense", maps = 6 }',
         'filter = { kind = "dense", size = 3, maps = 6 }\npatches = { size = 3 }',
         "leaves no plane"),
        ('title = "t"', 'title = "t"\npretrain = { schedule = "joint" }', "whitens its input"),
    ],
)  # fmt: skip
def test_misuse_is_named(old: str, new: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        plan(parse_recipe(RECIPE.replace(old, new)), MapShape(1, 8, 8))


def test_maps_too_large_are_refused() -> None:
    spec = StageSpec(name="it", input=WhitenSpec(keep=3), filter=DenseSpec(maps=2))
    with pytest.raises(RecipeError, match="more than 8192"):
        build_stage(spec, MapShape(3, 100, 100), generator=generator(0, "weights"))


@pytest.mark.parametrize("few", ["data.limit=9", "pretrain.fit_samples=9"])
def test_more_components_than_images_can_tell_apart_are_refused(few: str, tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(RECIPE)
    recipe = load_recipe(str(file), overrides=(few, "data.hold_out=0", "data.test=0.1"))
    with pytest.raises(DataError, match=r"'high': 9 components need 10 images.*got 9"):
        pretrain(recipe, out=tmp_path / "run", root=tmp_path, device="cpu")
    assert not (tmp_path / "run" / "model.safetensors").exists()


MEASURED = """
import pathlib, re, torch
from featlearn.config.inputs import WhitenSpec
from featlearn.geometry import MapShape
from featlearn.stages.scaler import WhiteningScaler
scaler = WhiteningScaler(MapShape(1800, 1, 1), WhitenSpec(keep=20))
torch.linalg.eigh(torch.eye(9).double())
def taken():  # at most so far; getrusage would count what the process was forked from
    status = pathlib.Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status)[1])
before = taken()
scaler.fit(torch.randn(256, 1800, 1, 1) for _ in range(8))
print(taken() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
def test_what_it_takes_is_what_is_planned() -> None:
    told = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, check=True)
    planned = whitening_bytes(1800, sample=2048)
    assert 0.7 * planned < int(told.stdout) < 1.3 * planned
