"""`predict` where a run has several modalities: also for samples that lack some of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import torch
from torch import Tensor

from featlearn.config.modalities import MultimodalRecipe, PairsSpec, one_modality
from featlearn.datasets.imageset import ImageSet, Indices
from featlearn.datasets.pairing import keys_of, pair_samples
from featlearn.errors import UsageError
from featlearn.files import write_bytes
from featlearn.heads.fusion import FusionClassifier
from featlearn.heads.fusion_problem import fused_logits
from featlearn.heads.fusion_store import load_fusion
from featlearn.training.described import Described
from featlearn.training.device import pick_device, use_threads
from featlearn.training.pictures import Pictures
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.outputs import check_apart, check_new, csv_text
from featlearn.workflows.runs import open_pictures

PairBy = Literal["key", "order"]
"""By what samples without a label are put together."""

_MISSING = -1


class FusionPredictions(msgspec.Struct, frozen=True, kw_only=True):
    """Predictions of a head over several modalities.

    Attributes:
        run: The run.
        head: The head.
        kind: How it fuses.
        sources: Where the samples came from, by modality.
        samples: How many there are.
        there: How many of them have which modalities, such as `image+sound`.
        counts: Samples for each predicted class.
        out: The file that was written, if any.
        csv: The table itself, where no file was asked for.
    """

    run: str
    head: str
    kind: str
    sources: dict[str, str]
    samples: int
    there: dict[str, int]
    counts: dict[str, int]
    out: str | None = None
    csv: str | None = None


class _Samples(msgspec.Struct, frozen=True):
    """Samples by name, and their place in each modality's source; `_MISSING` where it lacks it."""

    names: list[str]
    rows: Indices


def predict_modalities(
    path: Path | str,
    sources: Mapping[str, str],
    *,
    pair_by: PairBy | None = None,
    root: Path | None = None,
    out: Path | str | None = None,
    head: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    overwrite: bool = False,
) -> FusionPredictions:
    """Classify samples, as a CSV table: name, modalities that are there, class, probabilities.

    By key, a sample that only some of the sources have is named from these; by order, the sources
    have as many samples. A modality that is not among the sources is missing of all.

    Args:
        path: The run.
        sources: By modality, samples as any source; at least one.
        pair_by: By what samples of several sources are put together; as the recipe says if absent
            or, where that is by class, by key: they have no classes yet.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        out: The CSV file to write; without one the table is in the result.
        head: Name of the head; may be left out where there is only one.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
        overwrite: Replace the file, if it is there.

    Raises:
        FeatlearnError: If the run, the head or the samples stand in the way.
    """
    if out is not None:
        for source in sources.values():
            check_apart(Path(out), source=source, run=path, root=root)
        check_new(Path(out), overwrite=overwrite)
    run = RunDirectory.open(path)
    chosen = pick_device(device)
    use_threads(threads)
    name, folder = run.open_head(head)
    classifier, classes, recipe = load_fusion(folder.path)
    classifier.to(chosen)
    given = _open(classifier, recipe, sources, root=root, device=chosen)
    samples = _together(recipe, {m: each.set for m, each in given.items()}, pair_by)
    shares = _answers(classifier, given, samples.rows)
    there = _there(recipe.names, samples.rows)
    winners = [classes[int(row.argmax())] for row in shares]
    table = _table(samples, there, winners, shares, classes)
    if out is not None:
        write_bytes(Path(out), table.encode())
    found = Counter(winners)
    return FusionPredictions(
        run=str(path),
        head=name,
        kind=str(recipe.finetune.head.__struct_config__.tag),
        sources=dict(sources),
        samples=len(samples.names),
        there=dict(Counter(there)),
        counts={each: found[each] for each in classes},
        out=None if out is None else str(out),
        csv=table if out is None else None,
    )


def _open(
    classifier: FusionClassifier,
    recipe: MultimodalRecipe,
    sources: Mapping[str, str],
    *,
    root: Path | None,
    device: torch.device,
) -> dict[str, Pictures]:
    """Open the samples of each modality that is given, in the recipe's order.

    Raises:
        FeatlearnError: If there are none, or they are not what the network takes.
    """
    net = classifier.net
    if not sources:
        raise UsageError(f"name samples of one modality or more: {', '.join(net.names)}")
    places = sorted((net.index(name), source) for name, source in sources.items())
    return {
        net.names[place]: open_pictures(
            one_modality(recipe, place),
            source,
            root=root,
            shape=net.stack(place).input_shape,
            device=device,
        )
        for place, source in places
    }


def _together(
    recipe: MultimodalRecipe, sets: Mapping[str, ImageSet], pair_by: PairBy | None
) -> _Samples:
    """Put the samples of the sources together.

    Raises:
        DataError: If they have no key in common, or by order are not as many.
    """
    names, places = [*sets], [recipe.names.index(name) for name in sets]
    by = pair_by or ("key" if recipe.pairs.by == "class" else recipe.pairs.by)
    if len(sets) == 1 or by == "order":
        pairs = pair_samples(names, [*sets.values()], PairsSpec(by="order"), seed=0)
        first = sets[names[0]]
        called = first.ids or [str(row) for row in range(len(first))]
    else:
        # Asked for what is in all, it says what is wrong with names that have nothing in common.
        pair_samples(names, [*sets.values()], PairsSpec(by="key"), seed=0)
        tables = [keys_of(name, each) for name, each in sets.items()]
        called = [*dict.fromkeys(key for table in tables for key in table)]
        pairs = np.array([[table.get(key, _MISSING) for table in tables] for key in called])
    rows = np.full((len(pairs), len(recipe.names)), _MISSING, np.int64)
    rows[:, places] = pairs
    return _Samples(list(called), rows)


@torch.no_grad()
def _answers(classifier: FusionClassifier, given: Mapping[str, Pictures], rows: Indices) -> Tensor:
    """Compute the probabilities of the classes, `(n, classes)`, from what is there of each."""
    net = classifier.net
    scaled = [
        Described(net, place, given[name]).everything if name in given else torch.empty(0)
        for place, name in enumerate(net.names)
    ]
    answers = torch.empty(0)
    for present in np.unique(rows != _MISSING, axis=0):
        alike = np.flatnonzero(((rows != _MISSING) == present).all(1))
        places = np.flatnonzero(present).tolist()
        shares = fused_logits(classifier, scaled, rows[alike], places).softmax(1).cpu()
        if not len(answers):
            answers = torch.empty(len(rows), shares.shape[1])
        answers[torch.from_numpy(alike)] = shares
    return answers


def _there(names: Sequence[str], rows: Indices) -> list[str]:
    """Name the modalities that are there of each sample."""
    return [
        "+".join(name for name, place in zip(names, row, strict=True) if place != _MISSING)
        for row in rows
    ]


def _table(
    samples: _Samples,
    there: Sequence[str],
    winners: Sequence[str],
    shares: Tensor,
    classes: Sequence[str],
) -> str:
    """Write the table, a row for each sample."""
    rows = [["sample", "modalities", "prediction", *(f"p({name})" for name in classes)]]
    for name, parts, best, row in zip(samples.names, there, winners, shares.tolist(), strict=True):
        rows.append([name, parts, best, *(f"{value:.6f}" for value in row)])
    return csv_text(rows)
