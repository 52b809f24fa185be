"""The networks: trained as each trial says, chosen by validation images, asked once."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from featlearn.datasets.imageset import ImageSet
from featlearn.heads.answering import outputs_of
from featlearn.studies.digit_variants.plan import TRIALS, Method, Trial, recipe_of
from featlearn.training.device import pick_device, use_threads
from featlearn.training.pictures import Pictures
from featlearn.training.progress import Progress
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.evaluate import evaluate
from featlearn.workflows.finetune import finetune
from featlearn.workflows.judging import EvaluateResult
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.runs import open_head


class Asked(NamedTuple):
    """How networks are trained.

    Attributes:
        folder: Where their runs are.
        source: The file of what they learn from, whose test split they are chosen by.
        seed: Of everything drawn.
        changes: Changes of every recipe.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
        told: Told of every step.
    """

    folder: Path
    source: Path
    seed: int
    changes: tuple[str, ...]
    device: str
    threads: int | None
    told: Progress


class _How(TypedDict):
    device: str
    threads: int | None
    progress: Progress


class Trained(NamedTuple):
    """The network that names validation images best.

    Attributes:
        trial: What it was trained by.
        tried: Share of the validation images that each trial's named wrong, by its words.
        seconds: Time to train all of them.
    """

    trial: Trial
    tried: dict[str, float]
    seconds: float


def train_networks(method: Method, asked: Asked) -> Trained:
    """Train the networks of a method, or go on where that stopped, and choose one.

    Raises:
        FeatlearnError: If a change does not fit, or a folder holds something else.
        Interrupted: If a signal asked for a stop, after a checkpoint.
    """
    tried: dict[str, float] = {}
    seconds = 0.0
    for trial in TRIALS[method]:
        asked.told.note(f"{asked.folder.name}, {method}: {trial.words}")
        seconds += _train(method, trial, asked)
        run = asked.folder / trial.name
        judged = evaluate(run, head=trial.head, device=asked.device, threads=asked.threads)
        assert isinstance(judged, EvaluateResult)
        tried[trial.words] = judged.error
    best = min(TRIALS[method], key=lambda trial: tried[trial.words])  # the first of equals
    return Trained(best, tried, round(seconds, 3))


def answers_of(trial: Trial, images: ImageSet, asked: Asked) -> NDArray[np.uint8]:
    """Name the classes of images, `(n,)`, by the network of a trial."""
    device = pick_device(asked.device)
    use_threads(asked.threads)
    trained = open_head(RunDirectory.open(asked.folder / trial.name), trial.head, device)
    outputs = outputs_of(trained.classifier, Pictures(images, device))
    return outputs[0].argmax(1).cpu().numpy().astype(np.uint8)


def _train(method: Method, trial: Trial, asked: Asked) -> float:
    """Pre-train and fine-tune, unless that is done, and say how long it took."""
    recipe = recipe_of(
        method, trial, source=str(asked.source), seed=asked.seed, changes=asked.changes
    )
    run = RunDirectory(asked.folder / trial.name)
    how: _How = {"device": asked.device, "threads": asked.threads, "progress": asked.told}
    random = method == "scratch"
    learned = pretrain(recipe, out=run.path, resume=run.started, **how)
    tuned = finetune(
        run.path,
        name=trial.head,
        from_scratch=random,
        overrides=_own(trial.finetune, asked.changes),
        resume=run.head(trial.head).started,
        **how,
    )
    # A network from random weights stands in the run of another, and owes it nothing.
    return tuned.seconds if random else learned.seconds + tuned.seconds


def _own(changes: Sequence[str], others: Sequence[str]) -> list[str]:
    """Give the changes of a trial's fine-tuning that those of the whole study leave."""
    keys = {text.partition("=")[0].strip() for text in others}
    return [text for text in changes if text.partition("=")[0] not in keys]
