"""k-means over points: a filter for every cluster of what filters see."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from featlearn.autoencoders.objective import LossTerms
from featlearn.config.clusters import KMeansSpec
from featlearn.ops.kmeans import cluster_sums, nearest_centres, spread_points
from featlearn.stages.clusters import bank_weights, bank_windows
from featlearn.stages.stage import Stage


class Counts(nn.Module):
    """What k-means keeps from step to step, of each filter of each bank.

    Attributes:
        members: Samples that a centre is the mean of; in full updates those of this epoch.
        won: Samples that it was nearest to in this epoch.
        placed: Whether it ever was put on a sample.
        waiting: Whether it is to be put on one.
        sums: In full updates, the sum of the samples of this epoch; otherwise empty.
    """

    members: Tensor
    won: Tensor
    placed: Tensor
    waiting: Tensor
    sums: Tensor

    def __init__(self, centres: Tensor, *, full: bool) -> None:
        """Begin with nothing.

        Args:
            centres: The filters, `(banks, filters, numbers)`.
            full: Whether whole epochs are summed.
        """
        super().__init__()
        shape = centres.shape[:2]
        self.register_buffer("members", torch.zeros(shape, dtype=torch.int64))
        self.register_buffer("won", torch.zeros(shape, dtype=torch.int64))
        self.register_buffer("placed", torch.zeros(shape, dtype=torch.bool))
        self.register_buffer("waiting", torch.ones(shape, dtype=torch.bool))
        size = centres.shape if full else (0,)
        self.register_buffer("sums", torch.zeros(size, dtype=torch.float64))


class _Batch(NamedTuple):
    """What the filters of each bank see, and which of them is nearest to it."""

    windows: list[Tensor]
    nearest: list[Tensor]


class _Step(NamedTuple):
    """What a batch changes."""

    centres: Tensor
    counts: dict[str, Tensor]


class KMeans:
    """Put each filter where the samples are that it is nearest to: min Σ ‖x - c‖².

    x is what the filters see at a position; filters compete with those of their own position
    and group of maps. The loss is mean(min_k ‖x - c_k‖²) over samples and positions, but the
    step of k-means takes the place of the optimiser's, which is undone. `mini-batch` moves a
    centre to the mean of all samples that it has won so far, by the counts that it keeps;
    `full` sums an epoch, and moves all at its end to the means of their samples (Lloyd).

    Centres begin on samples far apart (k-means++). One that won nothing in an epoch is put on
    another sample. Where there are fewer different samples than filters, the ones left over
    repeat the first of their bank, and win nothing.

    Source:
        Lloyd, IEEE Trans. Information Theory 1982 (full); Sculley, WWW 2010 (mini-batch);
        Coates, Lee & Ng, AISTATS 2011, k-means on whitened patches.
    """

    def __init__(self, spec: KMeansSpec) -> None:
        """Take the kind of update."""
        self.full = spec.update == "full"
        self._kept: Counts | None = None
        self._step: _Step | None = None

    def begin(self, stage: Stage, *, generator: torch.Generator) -> nn.Module:
        """Forget all samples; what is drawn is drawn in the steps."""
        self._kept = Counts(bank_weights(stage.filter).detach(), full=self.full)
        self._step = None
        return self._kept

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        """Compute `distortion`, and, where gradients are recorded, where centres are to go."""
        encoder = stage.filter
        with torch.autocast(x.device.type, enabled=False):
            centres = bank_weights(encoder)
            windows = list(bank_windows(encoder, x.to(centres.dtype)))
            nearest = [nearest_centres(*both) for both in zip(windows, centres, strict=True)]
            total = centres.new_zeros(())
            for seen, bank, own in zip(windows, centres, nearest, strict=True):
                total = total + (seen - bank[own]).square().sum()
            if torch.is_grad_enabled() and self._kept is not None:
                batch = _Batch(windows, nearest)
                self._step = self._learned(self._kept, centres.detach(), batch, generator)
        return {"distortion": total / sum(map(len, windows))}

    def after_step(self, stage: Stage) -> None:
        """Put the filters where the last batch moved them, whatever the optimiser did."""
        if self._step is None or self._kept is None:
            return
        centres, counts = self._step
        _write(stage, centres)
        self._kept.load_state_dict(counts)
        self._step = None

    def after_epoch(self, stage: Stage) -> None:
        """Move the filters of full updates, and let those that won nothing be put elsewhere."""
        kept = self._kept
        assert kept is not None, "an epoch was begun"
        if self.full:
            centres = bank_weights(stage.filter).detach().clone()
            some = kept.members > 0
            centres[some] = (kept.sums[some] / kept.members[some][:, None]).to(centres)
            _write(stage, centres)
            kept.sums.zero_()
            kept.members.zero_()
        kept.waiting.copy_(kept.won == 0)
        kept.members.masked_fill_(kept.waiting, 0)
        kept.won.zero_()

    @torch.no_grad()
    def _learned(
        self, kept: Counts, centres: Tensor, batch: _Batch, generator: torch.Generator
    ) -> _Step:
        """Say where a batch moves the centres, and what it changes of what is kept."""
        centres = centres.clone()
        new = {name: value.clone() for name, value in kept.state_dict().items()}
        for bank, (seen, near) in enumerate(zip(*batch, strict=True)):
            own = {name: value[bank] for name, value in new.items() if len(value)}
            moved = _place(centres[bank], own, seen, generator)
            changed = moved or not own["placed"].all()
            nearest = (
                nearest_centres(seen, centres[bank], allowed=own["placed"]) if changed else near
            )
            found = cluster_sums(seen, nearest, count=len(centres[bank]))
            own["members"] += found.counts
            own["won"] += found.counts
            if self.full:
                own["sums"] += found.sums
            else:
                some = found.counts > 0
                old = centres[bank][some].double()
                share = found.counts[some].double() / own["members"][some]
                mean = found.sums[some] / found.counts[some][:, None]
                centres[bank][some] = torch.lerp(old, mean, share[:, None]).to(centres)
            left = ~own["placed"]
            centres[bank][left] = centres[bank][own["placed"]][0]
        return _Step(centres, new)


def _place(
    centres: Tensor, own: dict[str, Tensor], seen: Tensor, generator: torch.Generator
) -> bool:
    """Put centres that wait on samples of a batch, in place, as far as there are any.

    Returns:
        Whether one was.
    """
    waiting = own["waiting"].nonzero()[:, 0]
    if not len(waiting):
        return False
    taken = centres[own["placed"] & ~own["waiting"]]
    chosen = spread_points(seen, taken, count=len(waiting), generator=generator)
    waiting = waiting[: len(chosen)]
    centres[waiting] = seen[chosen]
    own["placed"][waiting] = True
    own["waiting"][waiting] = False
    return len(waiting) > 0


def _write(stage: Stage, centres: Tensor) -> None:
    """Copy centres into the filter."""
    stage.filter.weight.copy_(centres.reshape(stage.filter.weight.shape))
