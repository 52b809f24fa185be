"""`evaluate` where a run has several modalities: together, and with all but one missing."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from featlearn.config.modalities import PairsSpec
from featlearn.datasets.imageset import Indices
from featlearn.datasets.pairing import pair_samples
from featlearn.errors import DataError
from featlearn.evaluate.bootstrap import bootstrap_mean
from featlearn.evaluate.metrics import ClassificationResult, classification_report
from featlearn.files import write_json
from featlearn.heads.fusion_problem import fused_logits
from featlearn.heads.fusion_store import load_fusion
from featlearn.networks.formats import FORMAT
from featlearn.training.described import Described
from featlearn.training.device import pick_device, use_threads
from featlearn.training.pictures import Pictures
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.multimodal.finetune import read_fusion_result
from featlearn.workflows.multimodal.samples import check_same, labels_of_all, open_modalities

_SEED = 0  # which test samples are paired by class must not change with the seed of a run


class FusionEvaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a head over several modalities, as `evaluation.json` holds them.

    Attributes:
        run: The run.
        head: The head.
        kind: How it fuses.
        pairs: Test pairs.
        paired_by: By what they are paired.
        together: The figures of the pairs.
        intervals: By modality, the 95 % interval of the error of the pairs if other samples of it
            had been drawn, each with all of its pairs: by bootstrap or, where all pairs are right
            or all wrong, Wilson's for as many samples.
        alone: Of each modality, the figures of its test samples by themselves.
    """

    format: int = FORMAT
    run: str
    head: str
    kind: str
    pairs: int
    paired_by: str
    together: ClassificationResult
    intervals: dict[str, tuple[float, float]]
    alone: dict[str, ClassificationResult]


def evaluate_modalities(
    path: Path | str,
    *,
    root: Path | None = None,
    head: str | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> FusionEvaluation:
    """Measure a head on the test samples, and keep the figures beside it.

    Args:
        path: The run.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        head: Name of the head; may be left out where there is only one.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.

    Raises:
        FeatlearnError: If the run, the head or the data stand in the way.
        OSError: If the figures cannot be written.
    """
    run = RunDirectory.open(path)
    chosen = pick_device(device)
    use_threads(threads)
    name, folder = run.open_head(head)
    classifier, classes, recipe = load_fusion(folder.path)
    classifier = classifier.to(chosen)
    splits = open_modalities(recipe, root=root)
    check_same(run.path, read_fusion_result(folder).fingerprints, splits)
    sets = [each.test for each in splits if each.test is not None]
    if len(sets) < len(splits):
        missing = next(
            spec.name for spec, each in zip(recipe.modalities, splits, strict=True) if not each.test
        )
        raise DataError(f"the modality {missing!r} has no test split to evaluate on")
    labels = labels_of_all(recipe.names, sets, classes)
    pairs = pair_samples(recipe.names, sets, PairsSpec(by=recipe.pairs.by), seed=_SEED)
    scaled = [
        Described(classifier.net, place, Pictures(each, chosen)).everything
        for place, each in enumerate(sets)
    ]

    def named(rows: Indices, places: Sequence[int]) -> Indices:
        return fused_logits(classifier, scaled, rows, places).argmax(1).cpu().numpy()

    alone: dict[str, ClassificationResult] = {}
    for place, each in enumerate(sets):
        rows = np.repeat(np.arange(len(each))[:, None], len(sets), axis=1)
        found = named(rows, [place])
        alone[recipe.names[place]] = classification_report(labels[place], found, classes)
    truth, found = labels[0][pairs[:, 0]], named(pairs, range(len(sets)))
    result = FusionEvaluation(
        run=str(path),
        head=name,
        kind=str(recipe.finetune.head.__struct_config__.tag),
        pairs=len(pairs),
        paired_by=recipe.pairs.by,
        together=classification_report(truth, found, classes),
        intervals={
            modality: _interval(found != truth, pairs[:, place])
            for place, modality in enumerate(recipe.names)
        },
        alone=alone,
    )
    write_json(folder.evaluation_file, msgspec.to_builtins(result))
    return result


def _interval(wrong: NDArray[np.bool_], samples: Indices) -> tuple[float, float]:
    """Bound the error of pairs by resampling the samples of one modality."""
    if wrong.all() or not wrong.any():  # every resample would say the same
        units = len(np.unique(samples))
        ends = binomtest(units * int(wrong[0]), units).proportion_ci(0.95, method="wilson")
        return float(ends.low), float(ends.high)
    found = bootstrap_mean(wrong, groups=samples)
    return found.low, found.high
