"""Filters as cluster centres: what each sees, how far that is from it, and codes of distances."""

import math
from collections.abc import Iterator
from typing import assert_never

import torch
from torch import Tensor, nn

from featlearn.config.pieces import ClusterCode
from featlearn.ops.clusters import hard_code, triangle_code
from featlearn.ops.conv import conv2d
from featlearn.ops.planes import pad_planes
from featlearn.stages.filter import Filter
from featlearn.stages.filters import WindowedFilter

_LEAST_DISTANCE = 1e-6  # whose root would have no gradient at 0


class ClusterCodes(nn.Module):
    """Code scaled input by the distances to the filters: a stage's `triangle` or `hard`.

    Args:
        kind: Which code.
    """

    def __init__(self, kind: ClusterCode) -> None:
        """Take the code."""
        super().__init__()
        self.kind: ClusterCode = kind

    def forward(self, encoder: Filter, x: Tensor) -> Tensor:
        """Compute the code of `cluster_code`."""
        return cluster_code(encoder, x, self.kind)

    def extra_repr(self) -> str:
        """Say which."""
        return self.kind


def cluster_code(encoder: Filter, x: Tensor, kind: ClusterCode) -> Tensor:
    """Compute the code of scaled input by the distances to the filters.

    Args:
        encoder: The filters, without a bias.
        x: Scaled input, `(batch, channels, height, width)`.
        kind: `triangle` or `hard`.

    Returns:
        `(batch, maps, height', width')`.
    """
    distances, groups = cluster_distances(encoder, x), groups_of(encoder)
    match kind:
        case "triangle":
            return triangle_code(distances, groups=groups)
        case "hard":
            return hard_code(distances, groups=groups)
        case _:
            assert_never(kind)


def cluster_distances(encoder: Filter, x: Tensor) -> Tensor:
    """Measure how far what each position sees is from each of its filters.

    ‖x - c‖ = √(‖x‖² - 2⟨c, x⟩ + ‖c‖²), in the precision of the weights whatever is computed
    around it: the three nearly cancel where a window is near a centre. A border of zeros counts.

    Args:
        encoder: The filters c, without a bias.
        x: Scaled input, `(batch, channels, height, width)`.

    Returns:
        `(batch, maps, height', width')`, in the unit of `x`.
    """
    with torch.autocast(x.device.type, enabled=False):
        x = x.to(encoder.weight.dtype)
        groups = groups_of(encoder)
        seen = squared_lengths(encoder, x, groups=groups)
        responses = encoder(x)
        apart = torch.sub(_squared_norms(encoder, responses), responses, alpha=2)
        squared = apart.unflatten(1, (groups, -1)) + seen.unsqueeze(2)
        return squared.flatten(1, 2).clamp_min(_LEAST_DISTANCE**2).sqrt()


def squared_lengths(encoder: Filter, x: Tensor, *, groups: int) -> Tensor:
    """Sum the squares that each position sees of each group of maps.

    Returns:
        `(batch, groups, rows, columns)`.
    """
    squares = x.square().unflatten(1, (groups, -1)).sum(2)
    if not isinstance(encoder, WindowedFilter):
        return squares.sum((2, 3), keepdim=True)
    window = squares.new_ones(groups, 1, encoder.size, encoder.size)
    return conv2d(squares, window, stride=encoder.stride, padding=encoder.padding, groups=groups)


def groups_of(encoder: Filter) -> int:
    """Count the parts into which the maps of a filter are split."""
    return encoder.groups if isinstance(encoder, WindowedFilter) else 1


def bank_weights(encoder: Filter) -> Tensor:
    """Give the filters that compete with one another, flat.

    Returns:
        `(banks, filters, numbers)`: a bank for each position that has filters of its own, and
        for each group of maps within it.
    """
    weight = encoder.weight
    each = encoder.output_shape.maps // groups_of(encoder)
    return weight.reshape(-1, each, math.prod(weight.shape[-3:]))


def bank_windows(encoder: Filter, x: Tensor) -> Iterator[Tensor]:
    """Cut out what the filters of each bank see, in the order of `bank_weights`.

    Args:
        encoder: The filters.
        x: Scaled input, `(batch, channels, height, width)`.

    Yields:
        `(windows, numbers)`: all positions of all samples that share the bank.
    """
    if not isinstance(encoder, WindowedFilter):
        yield x.flatten(1)
        return
    size, stride = encoder.size, encoder.stride
    padded = pad_planes(x, window=(size, size), stride=stride, padding=encoder.padding)
    windows = padded.unfold(2, size, stride).unfold(3, size, stride)
    rows, columns = (1, 1) if encoder.shared else encoder.weight.shape[:2]
    maps = x.shape[1] // encoder.groups
    for row in range(rows):
        for column in range(columns):
            own = windows[:, :, row::rows, column::columns]
            for group in own.split(maps, dim=1):
                yield group.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(0, 2)


def _squared_norms(encoder: Filter, responses: Tensor) -> Tensor:
    """Give ‖c‖² of the filter of every response, in a shape that goes with them."""
    norms = encoder.weight.square().sum((-3, -2, -1))
    if norms.ndim == 1:
        return norms[:, None, None]
    rows, columns = (
        torch.arange(size, device=norms.device) % tile
        for size, tile in zip(responses.shape[2:], norms.shape[:2], strict=True)
    )
    return norms[rows][:, columns].permute(2, 0, 1)
