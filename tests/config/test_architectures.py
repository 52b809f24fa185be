"""Published networks: their counts, as published and as built, and how recipes name them."""

from pathlib import Path

import pytest
import torch

from featlearn.config.architectures.catalogue import architecture, canonical_name, network_names
from featlearn.config.changes import changed_recipe
from featlearn.config.data import ChannelsSpec
from featlearn.config.load import dump_recipe, load_recipe, parse_recipe, recipe_text
from featlearn.config.named import network_recipe
from featlearn.config.plan import plan
from featlearn.errors import FeatlearnError, RecipeError, UsageError
from featlearn.heads.networks import load_network
from featlearn.networks.stack import parameter_count

# torchvision's documentation of its weights, timm's table of results (in millions), and the
# papers: LeNet-5 with all of C3's connections; Wide ResNet 36.5 M and 2.7 M; DenseNet-BC 0.8 M.
PUBLISHED = {
    "lenet5": 61_706,
    "alexnet": 61_100_840,
    "vgg11": 132_863_336,
    "vgg13": 133_047_848,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "vgg11-bn": 132_868_840,
    "vgg13-bn": 133_053_736,
    "vgg16-bn": 138_365_992,
    "vgg19-bn": 143_678_248,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnext50": 25_028_904,
    "resnext101": 88_791_336,
    "wide-resnet50-2": 68_883_240,
    "wide-resnet101-2": 126_886_696,
    "densenet121": 7_978_856,
    "densenet169": 14_149_480,
    "densenet201": 20_013_928,
    "googlenet": 6_624_904,
    "inception-v4": 42_679_816,
}
IN_MILLIONS = {
    "preact-resnet18": "11.69",
    "preact-resnet34": "21.80",
    "preact-resnet50": "25.55",
    "preact-resnet101": "44.54",
    "preact-resnet152": "60.19",
    "wide-resnet28-10": "36.48",
    "wide-resnet16-4": "2.75",
    "densenet100-small": "0.77",
    "resnet20": "0.27",
    "resnet32": "0.47",
    "resnet56": "0.86",
    "resnet110": "1.73",
}


def counted(name: str) -> int:
    declared = architecture(name)
    return plan(network_recipe(name), declared.input, declared.classes).totals.parameters


@pytest.mark.parametrize(("name", "parameters"), PUBLISHED.items())
def test_counts_are_those_that_were_published(name: str, parameters: int) -> None:
    assert counted(name) == parameters


@pytest.mark.parametrize(("name", "millions"), IN_MILLIONS.items())
def test_rounded_counts_are_those_that_were_published(name: str, millions: str) -> None:
    assert f"{counted(name) / 1e6:.2f}" == millions


@pytest.mark.parametrize("name", network_names())
def test_counts_and_shapes_are_those_of_the_network_that_is_built(name: str) -> None:
    declared = architecture(name)
    layers = plan(network_recipe(name), declared.input, declared.classes)
    with torch.device("meta"):
        network = load_network(name)
        logits = network(torch.empty(2, *declared.input))
    assert parameter_count(network) == layers.totals.parameters
    assert logits.shape == (2, declared.classes)
    for stage in declared.stages:
        rows = [row for row in layers.layers if row.stage == stage.name]
        assert rows[-1].output == tuple(network.stack.stage(stage.name).output_shape)
    weights = sum(p.numel() for key, p in network.named_parameters() if not key.endswith("bias"))
    assert layers.totals.weights == weights


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("resnext50_32x4d", "resnext50"),
        ("vgg16_bn", "vgg16-bn"),
        ("wide_resnet50_2", "wide-resnet50-2"),
        ("Inception_v4", "inception-v4"),
        ("resnetv2_50", "preact-resnet50"),
    ],
)
def test_names_of_other_libraries_are_understood(name: str, own: str) -> None:
    assert canonical_name(name) == own


RECIPE = 'title = "t"\nnetwork = "resnet20"\n[data]\nsource = "cifar10-jpg"\n'


def test_a_recipe_takes_stages_and_head_of_the_network_that_it_names() -> None:
    recipe = parse_recipe(RECIPE)
    assert recipe.stages == architecture("resnet20").stages
    assert recipe.finetune.head.input == "none"
    assert parse_recipe(RECIPE.replace("resnet20", "ResNet18")).preprocess[0] == ChannelsSpec(
        mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
    )


def test_what_a_recipe_says_itself_stands() -> None:
    own = '[[preprocess]]\nkind = "contrast"\n[finetune]\nepochs = 3\n'
    own += 'head = { kind = "classification" }\n'
    recipe = parse_recipe(RECIPE + own)
    assert [str(spec.__struct_config__.tag) for spec in recipe.preprocess] == ["contrast"]
    assert (recipe.finetune.epochs, recipe.finetune.head.input) == (3, "standardize")


def test_a_resolved_recipe_lists_the_stages_and_stays_as_it_is() -> None:
    recipe = parse_recipe(RECIPE.replace("resnet20", "resnet18"))
    text = dump_recipe(recipe)
    assert text.count("[[stages]]") == len(recipe.stages)
    assert parse_recipe(text) == recipe


def test_an_override_changes_the_network_and_then_its_stages(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(RECIPE)
    other = load_recipe(path, overrides=["stages.layer2.filter.repeats=1", "network=resnet-mini"])
    assert other.network == "resnet-mini"
    assert load_recipe(path, overrides={"network": "resnet32"}).stages != other.stages
    listed = tmp_path / "listed.toml"
    listed.write_text(dump_recipe(other))
    assert load_recipe(listed, overrides=["network=vgg-small"]).network == "vgg-small"


@pytest.mark.parametrize(
    ("text", "override", "kind", "sentence"),
    [
        (RECIPE.replace("20", "21"), None, RecipeError, "no network is called resnet21; did you"),
        (RECIPE, "network=vgg", UsageError, "^network=vgg: no network is called vgg"),
        (
            RECIPE + '[[stages]]\nname = "s"\nfilter = { kind = "dense", maps = 1 }\n',
            None,
            RecipeError,
            r"\[\[stages\]\] beside `network`, which are not those of resnet20 \(conv1, layer1",
        ),
        (RECIPE.replace('"resnet20"', "3"), None, RecipeError, "network must be a name"),
    ],
)
def test_what_names_no_network_is_refused(
    tmp_path: Path, text: str, override: str | None, kind: type[FeatlearnError], sentence: str
) -> None:
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(kind, match=sentence):
        load_recipe(path, overrides=[] if override is None else [override])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("resnet21", "no network is called resnet21; did you mean"),
        ("resnet50", "which are not those of resnet50"),
        ("resnext50_32x4d", "which is called 'resnext50' here"),
    ],
)
def test_a_recipe_in_python_has_the_stages_of_its_network(name: str, sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        changed_recipe(network_recipe("resnet20"), {"network": name})


@pytest.mark.parametrize("name", ["lenet5", "resnet18", "googlenet"])
def test_the_text_of_a_network_is_a_recipe_of_it(name: str) -> None:
    if name == "lenet5":
        pytest.skip("a shipped recipe has that name, and goes first")
    recipe = parse_recipe(recipe_text(name))
    assert recipe == network_recipe(name)


def test_published_means_for_other_maps_are_refused() -> None:
    recipe = parse_recipe(RECIPE.replace("resnet20", "resnet18"))
    with pytest.raises(RecipeError, match="lists numbers for 3 maps, and images have 1: set `data"):
        plan(recipe, architecture("lenet5").input)
