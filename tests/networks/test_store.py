"""Models on disk: what is written is read back, and nothing else is read."""

import json
import pickle
import resource
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from featlearn.config.recipe import Recipe
from featlearn.errors import CheckpointError
from featlearn.files import sha256
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, build_stack
from featlearn.networks.store import load_stack, load_tensors, save_stack, save_tensors

Tiny = Callable[..., Recipe]
IMAGE = MapShape(1, 8, 8)


@pytest.fixture
def recipe(tiny: Tiny) -> Recipe:
    return tiny()


@pytest.fixture
def stack(recipe: Recipe) -> Stack:
    return build_stack(recipe, IMAGE, seed=5)


@pytest.fixture
def file(tmp_path: Path, stack: Stack, recipe: Recipe) -> Path:
    path = tmp_path / "model.safetensors"
    save_stack(path, stack, recipe, title="Tiny")
    return path


def rewrite(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
    tensors, metadata = load_tensors(path)
    change(tensors, metadata)
    entry = json.dumps(metadata)
    save_file(tensors, path, metadata={"featlearn": entry})


def test_a_stack_comes_back_bit_for_bit(file: Path, stack: Stack, recipe: Recipe) -> None:
    loaded = load_stack(file)
    assert loaded.recipe == recipe
    assert loaded.metadata["title"] == "Tiny"
    assert loaded.stack.input_shape == IMAGE
    assert not loaded.stack.training
    then, now = stack.state_dict(), loaded.stack.state_dict()
    assert then.keys() == now.keys()
    assert all(torch.equal(then[name], now[name]) for name in then)
    assert torch.equal(
        load_stack(str(file.parent)).stack(torch.ones(1, 1, 8, 8))[1].code,
        stack(torch.ones(1, 1, 8, 8))[1].code,
    )


def test_equal_models_have_equal_bytes(
    tmp_path: Path, file: Path, stack: Stack, recipe: Recipe
) -> None:
    again = tmp_path / "again.safetensors"
    save_stack(again, stack, recipe, title="Tiny")
    assert again.read_bytes() == file.read_bytes()


def test_metadata_is_one_canonical_entry(file: Path) -> None:
    with safe_open(file, framework="pt") as opened:
        entries = opened.metadata()
    assert list(entries) == ["featlearn"]
    value = json.loads(entries["featlearn"])
    assert json.dumps(value, sort_keys=True, separators=(",", ":")) == entries["featlearn"]
    assert value["format"] == 1


def flip_a_weight(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_a_run_s_model_is_compared_with_its_checksum(file: Path, stack: Stack) -> None:
    record = file.parent / "results.json"
    record.write_text(json.dumps({"files": {file.name: sha256(file)}, "seconds": 3}))
    assert torch.equal(
        load_stack(file.parent).stack.stage(0).filter.weight, stack.stage(0).filter.weight
    )
    flip_a_weight(file)
    with pytest.raises(CheckpointError, match=r"model.safetensors is not the file that training"):
        load_stack(file.parent)
    load_stack(file)  # on its own it has nothing to be compared with


def test_a_record_that_names_a_missing_file_or_is_damaged_is_refused(file: Path) -> None:
    record = file.parent / "results.json"
    record.write_text(json.dumps({"files": {"labels.json": "0"}}))
    with pytest.raises(
        CheckpointError, match=r"labels.json is missing: training wrote it, .*; restore"
    ):
        load_stack(file.parent)
    deep = b'{"files": {}, "seconds": ' + b"[" * 100_000
    for damaged in (b'{"files": ', b'{"files": {"\xff": "0"}}', b'{"files": {"a/b": "0"}}', deep):
        record.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"results.json is damaged"):
            load_stack(file.parent)


def test_a_record_of_another_format_is_refused(file: Path) -> None:
    (file.parent / "results.json").write_text(json.dumps({"format": 9, "files": {}}))
    with pytest.raises(CheckpointError, match=r"results.json has format version 9; .* version 1"):
        load_stack(file.parent)


def test_preparation_is_stored(tmp_path: Path, tiny: Tiny) -> None:
    recipe = tiny(
        preprocess=[{"kind": "zca"}, {"kind": "pca", "keep": 0.7}], stages=[tiny().stages[1]]
    )
    x = torch.rand(80, *IMAGE, generator=torch.Generator().manual_seed(0))
    stack = build_stack(recipe, IMAGE, seed=0, images=x)
    save_stack(tmp_path / "model.safetensors", stack, recipe)
    loaded = load_stack(tmp_path)
    assert torch.equal(loaded.stack.encode(x), stack.encode(x))
    # The share has become the count that it came to.
    assert loaded.recipe.preprocess[1] == msgspec.structs.replace(
        recipe.preprocess[1], keep=stack.stage(0).input_shape.maps
    )


class Bomb:
    """Leaves a file behind if it is ever unpickled."""

    def __init__(self, fuse: Path) -> None:
        self.fuse = fuse

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.fuse,))


@pytest.mark.parametrize("write", ["torch", "pickle"])
def test_a_pickle_is_refused_and_never_opened(tmp_path: Path, write: str) -> None:
    path, fuse = tmp_path / "model.safetensors", tmp_path / "went-off"
    if write == "torch":
        torch.save({"weight": torch.ones(2), "bomb": Bomb(fuse)}, path)
    else:
        path.write_bytes(pickle.dumps(Bomb(fuse)))
    with pytest.raises(
        CheckpointError, match=r"model.safetensors is not a readable.*safetensors only"
    ):
        load_stack(path)
    assert not fuse.exists()


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_truncated_file_is_refused(file: Path, keep: int) -> None:
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"model.safetensors is not a readable safetensors"):
        load_stack(file)


def test_a_header_that_lies_about_its_size_is_refused(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(struct.pack("<Q", 2**62) + data[8:])
    with pytest.raises(CheckpointError, match="is not a readable safetensors file"):
        load_stack(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"model.safetensors is missing"):
        load_stack(tmp_path)


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.ones(2)}, path)
    with pytest.raises(CheckpointError, match="was not written by featlearn"):
        load_stack(path)
    for entry in ("not json", "[1]", "{}", "[" * 100_000, "9" * 5000):
        save_file({"weight": torch.ones(2)}, path, metadata={"featlearn": entry})
        with pytest.raises(CheckpointError, match="was not written by featlearn"):
            load_stack(path)


def test_another_format_version_is_refused(file: Path) -> None:
    rewrite(file, lambda _, metadata: metadata.update(format=7))
    with pytest.raises(CheckpointError, match="has format version 7; this featlearn reads version"):
        load_stack(file)


@pytest.mark.parametrize(
    "metadata",
    [
        {"recipe": {"title": "x"}},
        {"recipe": None},
        {"input_shape": [1, 8]},
        {"input_shape": [1, "a", 8]},
        {"input_shape": [1, -8, 8]},
        {"input_shape": None},
    ],
)
def test_a_header_without_a_usable_recipe_is_refused(file: Path, metadata: dict[str, Any]) -> None:
    rewrite(file, lambda _, old: old.update(metadata))
    with pytest.raises(CheckpointError, match="holds no usable recipe"):
        load_stack(file)


def test_a_missing_tensor_is_named(file: Path) -> None:
    rewrite(file, lambda tensors, _: tensors.pop("stages.0.filter.weight"))
    with pytest.raises(
        CheckpointError, match=r"does not fit its recipe: it lacks 'stages.0.filter.weight'"
    ):
        load_stack(file)


def test_an_extra_tensor_is_named(file: Path) -> None:
    rewrite(file, lambda tensors, _: tensors.update(extra=torch.ones(1)))
    with pytest.raises(CheckpointError, match=r"has 'extra' too many"):
        load_stack(file)


def test_a_tensor_of_another_shape_is_named(file: Path) -> None:
    rewrite(file, lambda tensors, _: tensors.update({"stages.1.filter.weight": torch.ones(2, 2)}))
    with pytest.raises(CheckpointError, match=r"stages.1.filter.weight.*\[2, 2\]"):
        load_stack(file)


def test_a_failed_write_leaves_the_old_file(file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(TypeError):
        save_tensors(file, {"weight": torch.ones(1)}, {"unwritable": object()})
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["model.safetensors"]


def whole(path: Path, key: tuple[str | int, ...], value: object) -> None:
    """Make the metadata's recipe lie about one value."""

    def change(_: dict[str, Any], metadata: dict[str, Any]) -> None:
        table: Any = metadata
        for step in key[:-1]:
            table = table[step]
        table[key[-1]] = value

    rewrite(path, change)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (("recipe", "stages", 1, "filter", "maps"), 10**9),
        (("recipe", "stages", 0, "filter", "maps"), 10**9),
        (("recipe", "stages", 1, "filter", "maps"), 2**62),
        (("input_shape",), [1, 10**6, 10**6]),
    ],
)
def test_a_recipe_that_lies_about_sizes_takes_no_memory(
    file: Path, key: tuple[str | int, ...], value: object
) -> None:
    whole(file, key, value)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**29, hard))
    try:
        with pytest.raises(CheckpointError, match=r"model.safetensors does not fit its recipe"):
            load_stack(file)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_a_count_of_batches_that_is_missing_is_not_made_up(tmp_path: Path, tiny: Tiny) -> None:
    stage = {"name": "s", "filter": {"kind": "dense", "maps": 3}, "norm": {"kind": "batch"}}
    recipe = tiny(stages=[stage])
    path = tmp_path / "model.safetensors"
    save_stack(path, build_stack(recipe, IMAGE, seed=5), recipe)
    rewrite(path, lambda tensors, _: tensors.pop("stages.0.norm.num_batches_tracked"))
    with pytest.raises(CheckpointError, match=r"it lacks 'stages.0.norm.num_batches_tracked'$"):
        load_stack(path)


def test_a_recipe_that_cannot_be_built_names_the_file(file: Path) -> None:
    def shrink(_: object, metadata: dict[str, Any]) -> None:
        metadata["input_shape"] = [1, 2, 2]

    rewrite(file, shrink)
    with pytest.raises(CheckpointError, match=r"model.safetensors holds .* built: stage 'edges'"):
        load_stack(file)
