"""Samples of one modality, as its stack describes them while the shared code learns."""

from functools import cached_property

import torch
from torch import Tensor

from featlearn.config.modalities import ModalitySpec
from featlearn.datasets.augment import build_augment
from featlearn.datasets.limits import check_set_bytes
from featlearn.networks.multimodal import MultimodalNet
from featlearn.ops.random import generator
from featlearn.training.pictures import Pictures
from featlearn.training.progress import Counting, Silent

_AT_ONCE = 256


class Described:
    """Gives the scaled output of a stack, which stands still, for samples by their places.

    Where nothing changes the samples it is computed once, for all of them; where copies of each
    are changed beforehand, for all of these.
    """

    def __init__(
        self,
        net: MultimodalNet,
        place: int,
        samples: Pictures,
        *,
        spec: ModalitySpec | None = None,
        seed: int = 0,
    ) -> None:
        """Take the samples of one modality.

        Args:
            net: The network; its stack is not changed.
            place: Which modality.
            samples: Its samples.
            spec: Says what changes them; nothing does if absent.
            seed: Of the changed copies that are made beforehand.
        """
        self.net = net
        self.place = place
        self.samples = samples
        self.augment = build_augment(spec.augment) if spec and spec.augment else None
        self.copies = spec.copies if spec else None
        self.seed = seed
        self._bank: Tensor | None = None

    def __len__(self) -> int:
        """Count the samples."""
        return len(self.samples)

    @torch.no_grad()
    def at(self, rows: Tensor, draw: torch.Generator) -> Tensor:
        """Describe samples, `(n, units)`, changed if anything changes them."""
        if self.augment is None:
            return self.everything[rows.to(self.samples.device)]
        if self.copies is not None:
            picked = torch.randint(self.copies, rows.shape, generator=draw, device=draw.device)
            bank = self.copied(Silent().count)
            return bank[picked, rows.to(self.samples.device)]
        changed = self.augment(self.samples.at(rows), draw)
        return self.net.features(self.place, changed)

    def prepare(self, count: Counting) -> None:
        """Describe the changed copies now, which the first batch would have to wait for."""
        if self.augment is not None and self.copies is not None:
            self.copied(count)

    @torch.no_grad()
    def copied(self, count: Counting) -> Tensor:
        """Describe the changed copies, `(copies, n, units)`, unless that was done before."""
        assert self.augment is not None
        assert self.copies is not None
        if self._bank is not None:
            return self._bank
        units = self.net.stack(self.place).output_shape.units
        check_set_bytes(4 * self.copies * len(self) * units, name=self.samples.set.name)
        bank = torch.empty(self.copies, len(self), units, device=self.samples.device)
        name, of = self.net.names[self.place], self.copies * len(self)
        count(f"changed copies of {name}", done=0, of=of)
        for copy in range(self.copies):
            draw = generator(self.seed, "copies", name, copy, device=self.samples.device)
            for start in range(0, len(self), _AT_ONCE):
                rows = range(start, min(start + _AT_ONCE, len(self)))
                changed = self.augment(self.samples.at(rows), draw)
                bank[copy, rows.start : rows.stop] = self.net.features(self.place, changed)
                count(f"changed copies of {name}", done=copy * len(self) + rows.stop, of=of)
        self._bank = bank
        return bank

    @cached_property
    @torch.no_grad()
    def everything(self) -> Tensor:
        """Describe all samples as they are, `(n, units)`."""
        batches = self.samples.batches(_AT_ONCE)
        return torch.cat([self.net.features(self.place, batch) for batch in batches])
