"""`encode`: features of any images, for use elsewhere."""

import csv
import io
from pathlib import Path

import msgspec
import numpy as np
import torch

from featlearn.datasets.imageset import ImageSet
from featlearn.errors import UsageError
from featlearn.files import replacing, write_bytes
from featlearn.networks.stack import Stack, What
from featlearn.networks.store import load_stack
from featlearn.training.device import pick_device, use_threads
from featlearn.training.pictures import Pictures
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.outputs import check_new
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
        index: The table of images beside it: name, and label where there is one.
    """

    run: str
    source: str
    stage: str
    what: str
    shape: tuple[int, int]
    out: str
    index: str


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
    """Compute features of images and write them as `.npy`, a table of the images beside.

    Args:
        path: The run.
        source: Images, as any source.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        out: The `.npy` file to write; `NAME.index.csv` is written beside it.
        stage: Name of the stage; the last one if absent.
        what: The stage's `code`, its `pooled` maps or its `output`.
        head: Take the stack as this head fine-tuned it.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
        overwrite: Replace the files, if they are there.

    Raises:
        FeatlearnError: If the run, the stage or the images stand in the way.
    """
    out = Path(out)
    if out.suffix != ".npy":
        raise UsageError(f"--out must end in .npy; got {out}")
    index = out.with_suffix(".index.csv")
    check_new(out, index, overwrite=overwrite)
    run = RunDirectory.open(path)
    chosen = pick_device(device)
    use_threads(threads)
    stack, recipe, _ = load_stack(run.model_file)
    if head is not None:
        trained = open_head(run, head, chosen)
        stack = trained.classifier.stack
    stack = stack.to(chosen)
    name = stack.names[-1] if stage is None else stack.names[stack.index(stage)]
    shape = stack.input_shape
    images = open_pictures(recipe, source, root=root, shape=shape, device=chosen)
    features = _write(stack, images, out, stage=name, what=what)
    write_bytes(index, _index(images.set).encode())
    return EncodeResult(
        run=str(path),
        source=source,
        stage=name,
        what=what,
        shape=(len(images), features),
        out=str(out),
        index=str(index),
    )


@torch.no_grad()
def _write(stack: Stack, images: Pictures, out: Path, *, stage: str, what: What) -> int:
    """Write features batch by batch, so that only a batch of them is in memory."""
    features = stack.encode(images.at([0]), stage=stage, what=what).shape[1]
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(images), features)}
    # Not a memory map, which on a full disk would end the process without a word.
    with replacing(out) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for batch in images.batches(_AT_ONCE):
            codes = stack.encode(batch, stage=stage, what=what).cpu().numpy()
            file.write(codes.astype("<f4", order="C", copy=False).tobytes())
    return features


def _index(images: ImageSet) -> str:
    """Write the table of images: name and, where there are labels, class."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    labelled = images.labels is not None
    writer.writerow(["image", "label"] if labelled else ["image"])
    for place in range(len(images)):
        name = str(place) if images.ids is None else images.ids[place]
        label = [] if images.labels is None else [images.classes[int(images.labels[place])]]
        writer.writerow([name, *label])
    return buffer.getvalue()
