"""What pictures are of: a run, its images, a head, and the stages and units that were named."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from featlearn.config.heads import ClassificationSpec
from featlearn.datasets.labels import match_classes
from featlearn.datasets.source import open_splits
from featlearn.errors import UsageError
from featlearn.evaluate.sharing import shares_maps
from featlearn.evaluate.top_images import TopImages, top_images
from featlearn.heads.problem import logits_of
from featlearn.networks.stack import Stack
from featlearn.networks.store import LoadedStack
from featlearn.training.pictures import Pictures
from featlearn.training.progress import Progress, Silent
from featlearn.training.rundir import RunDirectory
from featlearn.visualize.style import Figure
from featlearn.visualize.tiles import spread
from featlearn.workflows.head_results import read_head_result
from featlearn.workflows.pretrain import read_result
from featlearn.workflows.runs import TrainedHead, check_shape, open_head, open_test

Named = Iterator[tuple[str, Figure]]
"""Figures, each with the name that its file gets."""

_AT_ONCE = 128
_TOP = 16


class Judged:
    """A head, the test images, and what it says of them.

    Attributes:
        head: The head.
        pictures: The test images.
        labels: Their classes, places in the head's, `(n,)`.
        logits: What the head says, `(n, classes)`.
    """

    def __init__(self, head: TrainedHead, pictures: Pictures) -> None:
        """Run the head over the images."""
        self.head = head
        self.pictures = pictures
        labels = match_classes(pictures.set, head.classes)
        self.labels = torch.from_numpy(np.array(labels)).to(pictures.device)
        self.logits = logits_of(head.classifier, pictures)


class Subject:
    """What the pictures are of; what several kinds need is read and computed once."""

    def __init__(
        self,
        run: RunDirectory,
        loaded: LoadedStack,
        *,
        device: torch.device,
        root: Path | None,
        head: str | None = None,
        stage: str | None = None,
        units: Sequence[str] = (),
        images: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Keep what was asked for.

        Args:
            run: The run.
            loaded: Its stack, on `device`, and its recipe.
            device: Where to compute.
            root: Where data sets are.
            head: Name of the head; the only one if absent.
            stage: Name of a stage, or its number from 1; all if absent.
            units: Names of units.
            images: How many images to look at, at most; each kind's own choice if absent.
            progress: Told how many images were gone through.

        Raises:
            UsageError: If there is no such stage.
        """
        self.run = run
        self.loaded = loaded
        self.device = device
        self.root = root
        self.head = head
        self.place = None if stage is None else find_stage(loaded.stack, stage)
        self.units = tuple(units)
        self.most = images
        self.progress = progress or Silent()
        self._tops: dict[tuple[int, bool], TopImages] = {}

    @property
    def stack(self) -> Stack:
        """The network."""
        return self.loaded.stack

    @property
    def stages(self) -> Sequence[int]:
        """Places of the stages to draw: the one that was named, or all of them.

        Where units are named and no stage, the last, as they are units of one.
        """
        if self.place is not None:
            return [self.place]
        return [self.last] if self.units else range(len(self.stack))

    @property
    def last(self) -> int:
        """Place of the one stage that a kind draws that draws one only."""
        return len(self.stack) - 1 if self.place is None else self.place

    @cached_property
    def trained(self) -> Pictures:
        """The training images, held-out ones among them.

        Raises:
            FeatlearnError: If they are missing, broken, or of another shape by now.
        """
        recipe = self.loaded.recipe
        images = open_splits(recipe.data, root=self.root, seed=recipe.seed).train
        return check_shape(images, self.stack.input_shape, self.device)

    def sample(self, most: int) -> Pictures:
        """Take training images from all over, up to a number if none was asked for."""
        places = spread(len(self.trained), self.most or most)
        return Pictures(self.trained.set.subset(places), self.device)

    @cached_property
    def looked_at(self) -> Pictures:
        """The images among which units find the ones that excite them."""
        return self.sample(5000)

    @cached_property
    def judged(self) -> Judged:
        """The head, and what it says of the test images that it was never shown."""
        head = open_head(self.run, self.head, self.device)
        if not isinstance(head.recipe.finetune.head, ClassificationSpec):
            raise UsageError(f"head {head.name!r} names no classes; this picture is of such heads")
        of_head = read_head_result(self.run.head(head.name)).fingerprints
        known = (read_result(self.run).data.fingerprints, of_head)
        shape = head.classifier.stack.input_shape
        pictures = open_test(
            head.recipe, root=self.root, shape=shape, device=self.device, recorded=known
        )
        return Judged(head, pictures)

    def counted(self, pictures: Pictures, words: str) -> Iterator[Tensor]:
        """Go through images in batches, and say how far it is."""
        done, of = 0, len(pictures)
        self.progress.count(words, done=0, of=of)
        for batch in pictures.batches(_AT_ONCE):
            yield batch
            done += len(batch)
            self.progress.count(words, done=done, of=of)
        self.progress.stop()

    def tops(self, index: int, *, over_maps: bool) -> TopImages:
        """Find the images that excite a stage's units, or maps, most; all stages in one pass."""
        if (index, over_maps) not in self._tops:
            alike = [k for k in self.stages if over_maps or not shares_maps(self.stack, k)]
            wanted = sorted({index, *alike})
            batches = self.counted(self.looked_at, "images that units look at")
            found = top_images(self.stack, batches, stages=wanted, count=_TOP, over_maps=over_maps)
            self._tops |= {
                (place, over_maps): top for place, top in zip(wanted, found, strict=True)
            }
        return self._tops[index, over_maps]


def find_stage(stack: Stack, name: str) -> int:
    """Find a stage by its name, or by its number, from 1.

    Raises:
        UsageError: If there is none.
    """
    names = stack.names
    if name in names:
        return names.index(name)
    if name.isdecimal() and 1 <= int(name) <= len(names):
        return int(name) - 1
    known = ", ".join(f"{number} {known}" for number, known in enumerate(names, 1))
    raise UsageError(f"there is no stage {name!r}; the stages are {known}")
