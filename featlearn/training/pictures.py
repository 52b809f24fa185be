"""Images in memory, and the batches that training takes from them."""

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from featlearn.datasets.imageset import ImageSet
from featlearn.datasets.tensors import as_images, as_tensor, in_floats
from featlearn.geometry import MapShape

_SPARED = 0.1  # of the free memory of a device, for images


class Pictures:
    """A set's images on the way to a device, a batch at a time.

    They stay in memory as they were read (bytes, mostly), and become floats in
    [0, 1] only when a batch is asked for. A GPU with room to spare keeps them all.
    """

    def __init__(self, images: ImageSet, device: torch.device) -> None:
        """Take a set and the device its batches go to."""
        self.set = images
        self.device = device

    def __len__(self) -> int:
        """Count the images."""
        return len(self.set)

    @property
    def shape(self) -> MapShape:
        """Shape of one image."""
        return self.set.shape

    def at(self, rows: Tensor | NDArray[np.integer] | Sequence[int]) -> Tensor:
        """Give images as floats in [0, 1], `(n, maps, height, width)`, on the device."""
        chosen = torch.as_tensor(rows)
        if self._kept is not None:
            return in_floats(self._kept[chosen.to(self.device)])
        return as_images(self.set.images[chosen.cpu().numpy()], self.device)

    @cached_property
    def _kept(self) -> Tensor | None:
        """All images on a GPU, where they take a small part of what is free when first asked for.

        Otherwise every batch waits for its way there, longer than a large network for its step.
        """
        if self.device.type != "cuda":
            return None
        free, _ = torch.cuda.mem_get_info(self.device)
        fits = self.set.images.nbytes <= _SPARED * free
        return as_tensor(self.set.images).to(self.device) if fits else None

    def batches(self, size: int, *, limit: int | None = None) -> Iterator[Tensor]:
        """Go through the images in order, up to `limit` of them."""
        end = len(self) if limit is None else min(limit, len(self))
        for start in range(0, end, size):
            yield self.at(range(start, min(start + size, end)))

    def even_batches(self, size: int) -> Iterator[Tensor]:
        """Go through the images in order, in batches of up to `size` that differ by at most one.

        So no batch is much smaller than the others, nor holds a single image unless
        there is only one, or `size` is 1.
        """
        count = -(-len(self) // size)
        for rows in np.array_split(np.arange(len(self)), count) if count else ():
            yield self.at(rows)

    def sample(self, count: int, generator: torch.Generator) -> "Pictures":
        """Draw `count` different images (all, if there are no more)."""
        if count >= len(self):
            return self
        chosen = torch.randperm(len(self), generator=generator)[:count].sort().values
        return Pictures(self.set.subset(chosen.numpy()), self.device)
