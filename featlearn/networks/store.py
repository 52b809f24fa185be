"""Models on disk: one safetensors file that says what it is."""

import json
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from featlearn.config.base import Count
from featlearn.config.data import PCASpec
from featlearn.config.recipe import Recipe
from featlearn.config.tables import as_tables
from featlearn.errors import CheckpointError, RecipeError, ShapeError, UsageError
from featlearn.filenames import MODEL, RESULTS
from featlearn.files import BAD_JSON, canonical_json, replacing, sha256
from featlearn.geometry import MapShape
from featlearn.networks.formats import FORMAT, check_format, read_figures
from featlearn.networks.stack import Stack, build_stack
from featlearn.stages.stage import Stage

_ENTRY = "featlearn"
M = TypeVar("M", bound=nn.Module)


class LoadedStack(NamedTuple):
    """A stack from disk with what its file says about it."""

    stack: Stack
    recipe: Recipe
    metadata: dict[str, Any]


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, object]) -> None:
    """Write tensors and one canonical entry of metadata, whole or not at all.

    Several entries would be written in no fixed order, and equal models would
    differ in their bytes.
    """
    arrays = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    entry = canonical_json({"format": FORMAT, **metadata})
    with replacing(path) as temporary:
        save_file(arrays, temporary, metadata={_ENTRY: entry})


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors and metadata that `save_tensors` wrote.

    Raises:
        CheckpointError: If the file is not safetensors, is damaged, was not
            written by featlearn, or has another format version.
    """
    with _opened(path) as file:
        entries = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return tensors, _metadata(path, entries)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of any safetensors file, and none of what it says about them.

    Raises:
        CheckpointError: If the file is not safetensors, or is damaged.
    """
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def load_metadata(path: Path) -> dict[str, Any]:
    """Read the metadata that `save_tensors` wrote, and none of the tensors.

    Raises:
        CheckpointError: As `load_tensors` does.
    """
    with _opened(path) as file:
        entries = file.metadata() or {}
    return _metadata(path, entries)


@contextmanager
def _opened(path: Path) -> Generator[safe_open]:
    """Open a file of tensors, and reword what is wrong with it."""
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} is not a readable safetensors file ({error}); "
            "featlearn reads weights from safetensors only"
        ) from None


def _metadata(path: Path, entries: Mapping[str, str]) -> dict[str, Any]:
    """Parse the one entry, and refuse another format."""
    try:
        metadata = json.loads(entries[_ENTRY])
        version = metadata["format"]
    except (KeyError, TypeError, *BAD_JSON):
        raise CheckpointError(
            f"{path} was not written by featlearn: its metadata has no readable entry {_ENTRY!r}"
        ) from None
    check_format(version, path)
    return metadata


def save_stack(path: Path, stack: Stack, recipe: Recipe, **extra: object) -> None:
    """Write a stack with its recipe.

    Args:
        path: The file to write.
        stack: The model.
        recipe: What it was built from.
        extra: Further metadata, in JSON's types.

    Raises:
        UsageError: If a stage is of a class of the caller's own: it would come back as another.
    """
    save_tensors(path, stack.state_dict(), {**header(stack, recipe), **extra})


def header(stack: Stack, recipe: Recipe) -> dict[str, object]:
    """Say how to build a stack again, as `read_header` reads it.

    Raises:
        UsageError: If a stage is of a class of the caller's own.
    """
    for place in range(len(stack)):
        stage = stack.stage(place)
        if type(stage) is not Stage:
            raise UsageError(
                f"stage {stage.name!r} is a {type(stage).__name__}, and a model's file says only "
                "how to build a Stage; keep its state_dict(), and build your classes again"
            )
    recipe = recipe_as_built(recipe, stack)
    return {"recipe": as_tables(recipe), "input_shape": list(stack.input_shape)}


def recipe_as_built(recipe: Recipe, stack: Stack) -> Recipe:
    """Replace a share of variance by the count that it came to.

    The stages above cannot be built before that count is known.
    """
    steps = tuple(
        msgspec.structs.replace(spec, keep=part.output_shape.maps)
        if isinstance(spec, PCASpec)
        else spec
        for spec, part in zip(recipe.preprocess, stack.preparation, strict=True)
    )
    return msgspec.structs.replace(recipe, preprocess=steps)


def find_model(path: Path | str) -> Path:
    """Give the file of a model: the path itself, or the file in a folder that was trained."""
    path = Path(path)
    return path / MODEL if path.is_dir() else path


def check_recorded(path: Path | str, *names: str) -> None:
    """Compare the files of a trained folder with the checksums that its results keep.

    Called after they were read, so that what cannot be read is refused for what it is.
    A file on its own, or in a folder without results, has nothing to be compared with.

    Args:
        path: The folder.
        names: Which of the recorded files to look at; all if none is named.

    Raises:
        CheckpointError: If one is missing or has other bytes, or the record of them is
            damaged or of another format version.
    """
    record = Path(path) / RESULTS
    if not record.is_file():
        return
    recorded = read_figures(record, _Recorded)
    try:
        expectations = {
            record.with_name(name): sums
            for name, sums in recorded.files.items()
            if not names or name in names
        }
    except ValueError as error:  # a path instead of a name
        raise CheckpointError(f"{record} is damaged ({error})") from None
    for file, expected in expectations.items():
        if file.is_file() and sha256(file) == expected:
            continue
        what = "is missing: training wrote it, and its checksum stands in"
        if file.is_file():
            what = "is not the file that training wrote: its checksum differs from the one in"
        raise CheckpointError(
            f"{file} {what} {record.name}; restore it, or train again with --overwrite"
        )


class _Recorded(msgspec.Struct):
    files: dict[str, str] = {}


def load_stack(path: Path | str) -> LoadedStack:
    """Read a stack from a `model.safetensors`, or from the run that holds one.

    What can be read of a run is compared with the checksum that it keeps, too.

    Raises:
        CheckpointError: If the file cannot be used; the sentence says why. A classifier's is
            for `featlearn.load_classifier`, which gives its stack too.
    """
    file = find_model(path)
    tensors, metadata = load_tensors(file)
    if "classes" in metadata:
        raise CheckpointError(
            f"{file} holds a classifier: open it with featlearn.load_classifier, whose "
            "classifier.stack is the stack"
        )
    recipe, shape = read_header(file, metadata)
    stack = build_loaded(file, lambda: build_stack(recipe, shape, seed=0), tensors)
    check_recorded(path)
    return LoadedStack(stack.eval(), recipe, metadata)


def read_header(path: Path, metadata: Mapping[str, Any]) -> tuple[Recipe, MapShape]:
    """Read the recipe and the image shape out of a model's metadata."""
    if "multimodal" in metadata:
        raise CheckpointError(
            f"{path} holds a network of several modalities, which "
            "`featlearn.networks.multimodal_store.load_multimodal` reads"
        )
    try:
        recipe = msgspec.convert(metadata["recipe"], Recipe)
        shape = msgspec.convert(metadata["input_shape"], tuple[Count, Count, Count])
        return recipe, MapShape(*shape)
    except (KeyError, msgspec.ValidationError) as error:
        raise CheckpointError(f"{path} holds no usable recipe ({error})") from None


def build_loaded(path: Path, build: Callable[[], M], tensors: Mapping[str, Tensor]) -> M:
    """Build a module and copy tensors into it, once it is known that they fit.

    What a file says about a network may be anything: it is built without memory first.

    Raises:
        CheckpointError: If the tensors do not fit.
    """
    try:
        with torch.device("meta"):
            plan = build()
    except (RecipeError, ShapeError) as error:
        raise CheckpointError(f"{path} holds a recipe that cannot be built: {error}") from None
    except (RuntimeError, OverflowError):
        raise CheckpointError(
            f"{path} does not fit its recipe: that describes a network beyond any memory"
        ) from None
    load_state(path, plan, {name: tensor.to("meta") for name, tensor in tensors.items()})
    module = build()
    load_state(path, module, tensors)
    return module


def load_state(path: Path, module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy tensors into a module, naming the first that does not fit."""
    # Asked first: batch normalisation makes up a count of batches that it does not find.
    own = module.state_dict()
    missing = [name for name in own if name not in tensors]
    unexpected = [name for name in tensors if name not in own]
    if missing or unexpected:
        what = f"lacks {missing[0]!r}" if missing else f"has {unexpected[0]!r} too many"
        raise CheckpointError(f"{path} does not fit its recipe: it {what}")
    try:
        module.load_state_dict(dict(tensors))
    except RuntimeError as error:
        detail = str(error).splitlines()[-1].strip()
        raise CheckpointError(f"{path} does not fit its recipe: {detail}") from None
