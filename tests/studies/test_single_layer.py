"""The study of single layers: its parts against loops, and all of it on small pictures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from featlearn.errors import CheckpointError, DataError
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, build_stack
from featlearn.studies.single_layer import study
from featlearn.studies.single_layer.encoding import pooled_codes, standardised
from featlearn.studies.single_layer.judging import every_fifth, judge
from featlearn.studies.single_layer.panels import panels_of
from featlearn.studies.single_layer.plan import FACTORS, Cell, Method, plan_cells, recipe_of
from featlearn.studies.single_layer.results import markdown
from featlearn.studies.single_layer.study import single_layer
from featlearn_cli.commands.study import FACTORS as OFFERED


def layer(method: Method) -> Stack:
    cell = Cell(method=method, features=5, patch=3)
    recipe = recipe_of(cell, source="digits", seed=0, images=None, epochs=1)
    patches = torch.rand(200, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    return build_stack(recipe, MapShape(2, 3, 3), seed=0, images=patches).eval()


@pytest.mark.parametrize("method", ["triangle", "hard", "sparse"])
@pytest.mark.parametrize("stride", [1, 2])
def test_codes_are_those_of_a_loop(method: Method, stride: int) -> None:
    stack = layer(method)
    images = torch.rand(2, 2, 8, 7, generator=torch.Generator().manual_seed(1))
    found = pooled_codes(stack, images, method=method, stride=stride)
    rows, columns = (8 - 3) // stride + 1, (7 - 3) // stride + 1
    weight = stack.stage(0).filter.weight.detach().flatten(1)
    expected = torch.zeros(2, 2, 2, 5)
    for n, row, column in np.ndindex(2, rows, columns):
        top, left = row * stride, column * stride
        patch = stack.prepare(images[n : n + 1, :, top : top + 3, left : left + 3]).flatten(1)
        if method == "sparse":
            bias = stack.stage(0).filter.bias
            assert bias is not None
            code = torch.relu(patch @ weight.T + bias)[0]
        else:
            z = (patch - weight).square().sum(1).sqrt()
            code = torch.relu(z.mean() - z) if method == "triangle" else (z == z.min()).float()
        half = int(row >= (rows + 1) // 2), int(column >= (columns + 1) // 2)
        expected[(n, *half)] += code.detach()
    torch.testing.assert_close(found, expected.flatten(1), atol=1e-4, rtol=1e-4)


def test_features_are_standardised_by_training_images() -> None:
    train, test = torch.randn(50, 3) * 4 + 1, torch.randn(20, 3)
    expected = (test - train.mean(0)) / (train.var(0) + 0.01).sqrt()
    standardised(train, test)
    torch.testing.assert_close(test, expected)
    torch.testing.assert_close(train.mean(0), torch.zeros(3), atol=1e-5, rtol=0)


def test_a_fifth_of_each_class_is_set_apart() -> None:
    labels = torch.tensor([0] * 12 + [1] * 5 + [2] * 4)
    apart = every_fifth(labels)
    assert torch.bincount(labels[apart], minlength=3).tolist() == [2, 1, 0]


def test_a_classifier_is_judged_once() -> None:
    draw = torch.Generator().manual_seed(2)
    labels, truth = torch.arange(200) % 3, torch.arange(90) % 3
    centres = 3 * torch.eye(3)
    train = centres[labels] + torch.randn(200, 3, generator=draw)
    test = centres[truth] + torch.randn(90, 3, generator=draw)
    found = judge(train, labels, test, truth, validation=every_fifth(labels))
    assert found.right / 90 > 0.85
    assert 0.8 < found.chosen <= 1


def test_cells_vary_one_thing_at_a_time() -> None:
    cells = plan_cells()
    assert len(cells) == len(set(cells)) == 29
    assert len({cell.name for cell in cells}) == 29
    assert len({cell.learning for cell in cells}) == 20
    assert cells[0] == Cell()
    assert plan_cells((50,), ("features",)) == [Cell(features=50)]
    assert OFFERED == FACTORS


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Write three classes of small colour pictures: gratings of three directions."""
    draw = np.random.default_rng(0)
    rows, columns = np.mgrid[:16, :16]
    for split, count in (("train", 30), ("test", 20)):
        for label, wave in enumerate((rows, columns, rows + columns)):
            folder = tmp_path / "set" / split / f"class-{label}"
            folder.mkdir(parents=True)
            for number in range(count):
                plane = np.sin(wave * 1.3 + draw.uniform(0, 6)) * 60 + 128
                noisy = plane[..., None] + draw.normal(0, 20, (16, 16, 3))
                picture = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
                picture.save(folder / f"{number}.png")
    return tmp_path / "set"


def run(out: Path, pictures: Path, **more: Any) -> Any:
    asked: dict[str, Any] = {"features": (8,), "vary": ("method", "stride"), "epochs": 2} | more
    return single_layer(out, source=str(pictures), root=out, threads=1, device="cpu", **asked)


def test_every_cell_is_measured_and_kept(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    result = run(out, pictures)
    assert [found.cell.method for found in result.cells[:4]] == [
        "triangle", "hard", "sparse", "patches",
    ]  # fmt: skip
    assert [found.cell.stride for found in result.cells[4:]] == [2, 4, 8]
    assert (result.images, result.validation, result.test) == (90, 18, 60)
    assert result.guess == pytest.approx(1 / 3)
    assert max(found.accuracy for found in result.cells) > 0.8
    for found in result.cells:
        assert found.interval[0] <= found.accuracy <= found.interval[1]
    assert json.loads((out / "results.json").read_text())["test"] == 60
    assert (out / "README.md").read_text(encoding="utf-8") == markdown(result)
    assert all(Path(file).is_file() for file in result.figures)
    assert list(panels_of(result.cells)) == ["stride, pixels"]
    # Once measured, nothing is learned or coded again.
    monkeypatch.setattr(study, "pretrain", None)
    monkeypatch.setattr(study, "encode", None)
    assert run(out, pictures) == result
    with pytest.raises(CheckpointError, match="ask for the same, or name another folder"):
        run(out, pictures, seed=1)


def test_what_cannot_be_studied_is_refused(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="holds other files"):
        run(tmp_path / "full", pictures)
    with pytest.raises(DataError, match="patches of 12x12 do not fit"):
        single_layer(
            tmp_path / "new", source="digits", features=(4,), vary=("patch",), epochs=1, images=100
        )
    assert not (tmp_path / "new").exists()
