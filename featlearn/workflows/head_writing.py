"""Writing a head that is trained into its folder, and summing it up."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from featlearn.config.recipe import Recipe
from featlearn.datasets.imageset import ImageSet, Splits
from featlearn.files import checksums, write_json
from featlearn.heads.classifier import Classifier
from featlearn.heads.labels import output_names
from featlearn.heads.losses import build_head_loss
from featlearn.heads.problem import logits_of
from featlearn.heads.store import save_classifier
from featlearn.networks.formats import FORMAT
from featlearn.training.pictures import Pictures
from featlearn.training.rundir import HeadFolder
from featlearn.workflows.head_plan import Options
from featlearn.workflows.head_results import FinetuneResult, head_kind
from featlearn.workflows.running import Running


class LabelsUsed(NamedTuple):
    """Which labels a head learned from.

    Attributes:
        train: The labelled images that it learned from.
        splits: All images of their source.
        asked: How many labels were asked for; `None` for all.
        validation: How many were only measured.
        indices: Places in the training split of all labels that were used; `None` for all.
        validation_indices: Places of those that were only measured, where they are kept.
    """

    train: ImageSet
    splits: Splits
    asked: int | None
    validation: int
    indices: list[int] | None
    validation_indices: list[int] | None

    @property
    def said(self) -> int | Literal["all"]:
        """How many labels were asked for, as figures say it."""
        return "all" if self.asked is None else self.asked


def keep_head(
    folder: HeadFolder,
    classifier: Classifier,
    recipe: Recipe,
    options: Options,
    used: LabelsUsed,
    *,
    running: Running,
    epochs: int,
    seconds: float,
) -> FinetuneResult:
    """Write the model and which labels it learned from, and sum it up.

    Args:
        folder: Of the head.
        classifier: What was trained.
        recipe: As this head is kept with it.
        options: What decided it beside the recipe.
        used: Which labels it learned from.
        running: How it was trained.
        epochs: How many epochs that took.
        seconds: How long.

    Returns:
        What it came to, with its figures on the images that it learned from.
    """
    spec = recipe.finetune.head
    kind, classes = head_kind(spec), output_names(spec, used.train)
    decided = msgspec.to_builtins(options)
    save_classifier(folder.model_file, classifier, recipe, classes, options=decided)
    _write_labels(folder, kind, classes, used, seed=options.label_seed)
    train = Pictures(used.train, running.device)
    loss = build_head_loss(spec, classifier, train)
    figures = loss.measured(logits_of(classifier, train), loss.aims(train))
    return FinetuneResult(
        run=str(folder.run),
        head=folder.path.name,
        labels=used.said,
        label_seed=options.label_seed,
        labelled=len(used.train),
        validation=used.validation,
        freeze=options.freeze,
        from_scratch=options.from_scratch,
        seed=options.seed,
        epochs=epochs,
        seconds=seconds,
        kind=kind,
        train_error=figures.get("error"),
        train_loss=figures["loss"],
        classes=list(classes),
        fingerprints=used.splits.fingerprints(),
        environment=running.environment,
        files=checksums(folder.model_file, folder.labels_file, folder.recipe_file),
    )


def _write_labels(
    folder: HeadFolder, kind: str, classes: Sequence[str], used: LabelsUsed, *, seed: int
) -> None:
    """Write which labels a head learned from."""
    labels = {
        "format": FORMAT,
        "kind": kind,
        "classes": list(classes),
        "labels": used.said,
        "label_seed": seed,
        "indices": used.indices,
        "validation": used.validation_indices,
    }
    write_json(folder.labels_file, labels)
