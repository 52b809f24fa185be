"""Networks on the command line: described, listed, begun with published weights."""

import json
from pathlib import Path

import pytest

from featlearn.config.load import parse_recipe
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("name", "parameters", "image"),
    [
        ("alexnet", 61_100_840, [3, 224, 224]),
        ("inception-v4", 42_679_816, [3, 299, 299]),
        ("wide_resnet50_2", 68_883_240, [3, 224, 224]),
    ],
)
def test_describe_takes_a_network_s_name(
    run: Run, name: str, parameters: int, image: list[int]
) -> None:
    answer = run("describe", name, "--json")
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    assert found["totals"]["parameters"] == parameters
    assert found["input"] == image


def test_a_deep_network_is_summed_up_by_stages(run: Run) -> None:
    lines = run("describe", "resnet50").stdout.splitlines()
    found = json.loads(run("describe", "resnet50", "--json").stdout)
    million = found["totals"]["multiply_adds"] / 1e6
    assert lines[1] == (
        "25\u202f557\u202f032 parameters, 102.2 MB in float32; "
        f"one image: {million / 1000:.2f} billion multiply-adds, 111.8 MB of outputs"
    )
    # Other programs count products with zeros beyond the border, too: 4.09 billion in torchvision.
    assert 3900 < million < 4100
    (row,) = [line for line in lines if line.startswith("layer3 ") and "1024x14x14" in line]
    assert "residual filter, 44 layers" in row
    weights = sum(row["weights"] for row in found["layers"] if row["stage"] == "layer3")
    assert f"{weights:,}".replace(",", "\u202f") in row
    assert len(lines) < 40
    assert len(run("describe", "resnet50", "--every-layer").stdout.splitlines()) > 250


def test_recipes_lists_the_networks_and_prints_one(run: Run) -> None:
    rows = {row["name"]: row for row in json.loads(run("recipes", "--json").stdout)["networks"]}
    assert rows["vgg16"]["parameters"] == 138_357_544
    assert "resnet18" in run("recipes").stdout
    assert parse_recipe(run("recipes", "vgg-mini").stdout).network == "vgg-mini"


def test_a_network_that_is_misspelt_is_suggested(run: Run) -> None:
    answer = run("describe", "resnet500")
    assert answer.exit_code == 2
    assert "did you mean resnet50 or resnext50?" in answer.stderr


def test_weights_that_are_none_are_refused_in_a_sentence(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(b"\x80\x04nothing")
    words = ["pretrain", "resnet-mini", "--set", "data.source=digits", "--set", "data.size=[8, 8]"]
    answer = run(*words, "--out", tmp_path / "run", "--weights", file)
    assert answer.exit_code == 1
    assert "reads weights from safetensors only" in answer.stderr
    missing = run(*words, "--out", tmp_path / "run", "--weights", tmp_path / "nowhere")
    assert missing.exit_code == 2
