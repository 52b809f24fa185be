"""`encode` where a run has several modalities: the shared code, from one of them."""

from pathlib import Path

import msgspec
import torch

from featlearn.config.modalities import one_modality
from featlearn.errors import UsageError
from featlearn.networks.multimodal_store import load_multimodal
from featlearn.training.device import pick_device, use_threads
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.feature_files import index_of, write_npy
from featlearn.workflows.outputs import check_apart, check_new
from featlearn.workflows.runs import open_pictures

_AT_ONCE = 256


class SharedCodes(msgspec.Struct, frozen=True, kw_only=True):
    """A file of shared codes, `(samples, code)` in float32, and the table beside it."""

    run: str
    source: str
    modality: str
    shape: tuple[int, int]
    out: str
    index: str


def encode_modality(
    path: Path | str,
    source: str,
    *,
    modality: str | None,
    out: Path | str,
    root: Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    overwrite: bool = False,
) -> SharedCodes:
    """Compute the shared code of samples of one modality, the others missing, and write it.

    Args:
        path: The run.
        source: Samples, as any source.
        modality: Which one they are of.
        out: The file to write, `.npy`; names and labels go to `NAME.index.csv`.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
        overwrite: Replace the files, if they are there.

    Raises:
        FeatlearnError: If the run, the modality or the samples stand in the way.
    """
    out = Path(out)
    if out.suffix != ".npy":
        raise UsageError(f"codes of several modalities are written as .npy; got --out {out}")
    index = index_of(out)
    check_apart(out, index, source=source, run=path, root=root)
    check_new(out, index, overwrite=overwrite)
    run = RunDirectory.open(path)
    chosen = pick_device(device)
    use_threads(threads)
    net, recipe, shapes = load_multimodal(run.path)
    if modality is None:
        raise UsageError(
            f"{path} has several modalities; name that of {source} with --modality: "
            f"{', '.join(net.names)}"
        )
    place = net.index(modality)
    net = net.to(chosen)
    samples = open_pictures(
        one_modality(recipe, place), source, root=root, shape=shapes[place], device=chosen
    )
    with torch.no_grad():
        codes = (net.encode({modality: batch}).cpu().numpy() for batch in samples.batches(_AT_ONCE))
        write_npy(out, codes, samples.set, features=net.shared.width)
    return SharedCodes(
        run=str(path),
        source=source,
        modality=modality,
        shape=(len(samples), net.shared.width),
        out=str(out),
        index=str(index),
    )
