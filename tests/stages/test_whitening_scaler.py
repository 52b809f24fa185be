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
from featlearn.config.stages import StageSpec
from featlearn.errors import DataError, RecipeError
from featlearn.geometry import MapShape
from featlearn.networks.stack import build_stack
from featlearn.ops.random import generator
from featlearn.stages.scaler import Scaler, WhiteningScaler
from featlearn.stages.stage import build_stage
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


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
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
