"""`encode`: features of any images, for use elsewhere."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import torch

from featlearn.errors import UsageError
from featlearn.networks.stack import Stack, What, check_what
from featlearn.networks.store import load_stack
from featlearn.training.device import pick_device, use_threads
from featlearn.training.pictures import Pictures
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.feature_files import (
    Codes,
    check_parquet,
    index_of,
    write_npy,
    write_parquet,
)
from featlearn.workflows.outputs import check_apart, check_new
from featlearn.workflows.runs import open_head, open_pictures

_AT_ONCE = 256


class EncodeResult(msgspec.Struct, frozen=True, kw_only=True):
    """A file of features.

    Attributes:
        run: The run.
        source: Where the images came from.
        stage: The stage.
        what: `code`, `pooled` or `output`.
        shape: `(images, features)`, float32 in C order, in the order of the source.
        out: The file.
        index: The table of images beside an array: name, and label where there is one;
            a Parquet table holds them itself.
    """

    run: str
    source: str
    stage: str
    what: str
    shape: tuple[int, int]
    out: str
    index: str | None


def encode(
    path: Path | str,
    source: str,
    *,
    root: Path | None = None,
    out: Path | str,
    stage: str | None = None,
    what: What = "output",
    head: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    overwrite: bool = False,
) -> EncodeResult:
    """Compute features of images and write them with the images' names and labels.

    Args:
        path: The run.
        source: Images, as any source.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        out: The file to write: `.npy`, with `NAME.index.csv` beside it, or `.parquet`
            (needs the extra `tables`).
        stage: Name of the stage; the last one if absent.
        what: The stage's `code`, its `pooled` maps or its `output`.
        head: Take the stack as this head fine-tuned it.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
        overwrite: Replace the files, if they are there.

    Raises:
        FeatlearnError: If the run, the stage or the images stand in the way.
    """
    check_what(what)
    out = Path(out)
    index = _index(out)
    written = [out] if index is None else [out, index]
    check_apart(*written, source=source, run=path, root=root)
    check_new(*written, overwrite=overwrite)
    run = RunDirectory.open(path)
    chosen = pick_device(device)
    use_threads(threads)
    stack, recipe, _ = load_stack(run.path)
    if head is not None:
        trained = open_head(run, head, chosen)
        stack = trained.classifier.stack
    stack = stack.to(chosen)
    name = stack.names[-1] if stage is None else stack.names[stack.index(stage)]
    shape = stack.input_shape
    images = open_pictures(recipe, source, root=root, shape=shape, device=chosen)
    features = stack.encode(images.at([0]), stage=name, what=what).shape[1]
    write = write_parquet if index is None else write_npy
    write(out, _codes(stack, images, stage=name, what=what), images.set, features=features)
    return EncodeResult(
        run=str(path),
        source=source,
        stage=name,
        what=what,
        shape=(len(images), features),
        out=str(out),
        index=None if index is None else str(index),
    )


def _index(out: Path) -> Path | None:
    """Name the table beside a file of features, if it gets one; refuse other kinds of files."""
    if out.suffix not in {".npy", ".parquet"}:
        raise UsageError(f"--out must end in .npy or .parquet; got {out}")
    if out.suffix == ".npy":
        return index_of(out)
    check_parquet()
    return None


def _codes(stack: Stack, images: Pictures, *, stage: str, what: What) -> Iterator[Codes]:
    """Compute features batch by batch."""
    for batch in images.batches(_AT_ONCE):
        with torch.no_grad():
            yield stack.encode(batch, stage=stage, what=what).cpu().numpy()
