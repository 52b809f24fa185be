"""Drawing filters of units that never answer anew, from what they could have seen."""

import torch
from torch import Tensor

from featlearn.autoencoders.silence import Silence
from featlearn.config.autoencoding import AutoEncoderSpec
from featlearn.config.clusters import KMeansSpec
from featlearn.stages.filters import WindowedFilter
from featlearn.stages.stage import Stage

_AT_ONCE = 256
_LEAST_LENGTH = 1e-6  # of what a filter sees: what is shorter has no direction
_SHARE = 0.2  # of the mean length, of filters beside a decoder of its own


@torch.no_grad()
def redraw_dead_(stage: Stage, x: Tensor, draw: torch.Generator) -> dict[Tensor, Tensor]:
    """Draw, in place, the filters that answer nothing, and the columns of their decoder.

    Each becomes the direction of what it sees of one input, at a random one of its positions;
    the inputs are drawn in proportion to the squared error of their reconstruction, or evenly
    where the stage has no decoder. It gets the mean length of the filters that answer, beside a
    decoder of its own a fifth of that, so that it does not win everywhere at once, and no bias. One
    that sees nothing there, as at a margin that never changes, stays as it is.

    Args:
        stage: The stage, in evaluation mode.
        x: Its scaled input, `(batch, maps, height, width)`, or patches of it.
        draw: Source of the draws, on the device of `x`.

    Returns:
        By the parameter, which of its numbers were drawn; empty if no filter is dead.

    Source:
        Bricken et al., Towards monosemanticity, 2023, appendix on neuron resampling; Coates & Ng,
        Learning feature representations with k-means, 2012, section 3.
    """
    dead = dead_filters(stage, x)
    if not bool(dead.any()):
        return {}
    windows = _windows(stage, x, dead, draw)
    lengths = torch.linalg.vector_norm(windows, dim=(-3, -2, -1))
    laid = _as_weights(stage, dead) & (lengths > _LEAST_LENGTH)
    directions = windows / lengths.clamp_min(_LEAST_LENGTH)[..., None, None, None]
    own = None if stage.decoder is None else stage.decoder.weight
    share = 1.0 if own is None else _SHARE
    drawn: dict[Tensor, Tensor] = {}
    for weight, scale in ((stage.filter.weight, share), (own, 1.0)):
        if weight is not None:
            where = laid[..., None, None, None].expand_as(weight)
            length = _mean_length(weight, _as_weights(stage, ~dead))
            weight.copy_(torch.where(where, scale * length * directions, weight))
            drawn[weight] = where
    if stage.filter.bias is not None:
        stage.filter.bias.masked_fill_(laid, 0)
        drawn[stage.filter.bias] = laid
    return drawn


@torch.no_grad()
def dead_filters(stage: Stage, x: Tensor) -> Tensor:
    """Find filters whose code never changes, or that are never the nearest under k-means.

    Args:
        stage: The stage, in evaluation mode.
        x: Its scaled input, `(batch, maps, height, width)`, or patches of it.

    Returns:
        `(maps, rows, columns)` booleans, of the positions that have filters of their own.
    """
    won: Tensor | None = None
    low: Tensor | None = None
    high: Tensor | None = None
    for part in x.split(_AT_ONCE):
        if isinstance(stage.spec.objective, KMeansSpec):
            here = _nearest(stage, part)
            won = here if won is None else won | here
            continue
        code = stage.code(part)
        low = code.amin(0) if low is None else torch.minimum(low, code.amin(0))
        high = code.amax(0) if high is None else torch.maximum(high, code.amax(0))
    if low is not None and high is not None:
        reach = torch.maximum(high.abs(), low.abs()).max()
        won = high - low > 1e-6 * reach
    silence = Silence(stage.filter).to(x.device)
    if won is not None:
        silence.count(won[None])
    return silence.steps > 0


def _nearest(stage: Stage, x: Tensor) -> Tensor:
    """Say which maps of a group are nearest to some sample somewhere, `(maps, rows, columns)`."""
    encoder = stage.filter
    groups = encoder.groups if isinstance(encoder, WindowedFilter) else 1
    responses = encoder(x).unflatten(1, (groups, -1))
    return (responses == responses.amax(2, keepdim=True)).any(0).flatten(0, 1)


def _windows(stage: Stage, x: Tensor, dead: Tensor, draw: torch.Generator) -> Tensor:
    """Give what every dead filter sees of an input, of the shape of the weights, 0 elsewhere.

    The derivative of a response by its filter is what the filter sees, whatever its kind.
    """
    maps, rows, columns = dead.nonzero().unbind(1)
    samples = torch.multinomial(_errors(stage, x), len(maps), replacement=True, generator=draw)
    seen = stage.filter(x[:1]).shape[2:]
    rows = _one_of(rows, every=dead.shape[1], size=seen[0], draw=draw)
    columns = _one_of(columns, every=dead.shape[2], size=seen[1], draw=draw)
    found = torch.zeros_like(stage.filter.weight)
    for some in torch.arange(len(maps), device=x.device).split(_AT_ONCE):
        with torch.enable_grad():
            responses = stage.filter(x[samples[some]])
            each = torch.arange(len(some), device=x.device)
            total = responses[each, maps[some], rows[some], columns[some]].sum()
            (part,) = torch.autograd.grad(total, stage.filter.weight)
        found += part
    return found


def _one_of(first: Tensor, *, every: int, size: int, draw: torch.Generator) -> Tensor:
    """Draw one of the positions `first`, `first + every`, … below `size`, for each."""
    count = (size - first + every - 1) // every
    share = torch.rand(len(first), generator=draw, device=first.device)
    return first + every * (share * count).long().clamp(max=count - 1)


def _errors(stage: Stage, x: Tensor) -> Tensor:
    """Give the squared error of every sample's reconstruction, or ones."""
    if stage.decoder is None:
        return x.new_ones(len(x))
    objective, size = stage.spec.objective, (x.shape[-2], x.shape[-1])
    logits = isinstance(objective, AutoEncoderSpec) and objective.reconstruction != "squared"
    parts: list[Tensor] = []
    for part in x.split(_AT_ONCE):
        rebuilt = stage.decode(stage.code(part), size=size)
        rebuilt = rebuilt.sigmoid() if logits else rebuilt
        parts.append((rebuilt - part).square().sum((1, 2, 3)))
    errors = torch.cat(parts)
    return errors if bool((errors > 0).any()) else torch.ones_like(errors)


def _as_weights(stage: Stage, of: Tensor) -> Tensor:
    """Lay something of every filter, `(maps, rows, columns)`, out as the weights' first axes."""
    own_banks = stage.filter.weight.ndim > 4
    return of.permute(1, 2, 0) if own_banks else of[:, 0, 0]


def _mean_length(weight: Tensor, chosen: Tensor) -> Tensor:
    """Give the mean length of some filters, or of all if these are none."""
    lengths = torch.linalg.vector_norm(weight, dim=(-3, -2, -1))
    return lengths[chosen].mean() if bool(chosen.any()) else lengths.mean()
