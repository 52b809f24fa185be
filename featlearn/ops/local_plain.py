"""The products of a locally connected layer in plain torch, for every device; the kernels' oracle.

All tensors lie as the kernels read them: planes `(height, width, channels, batch)`, codes
`(rows, columns, maps, batch)`, weights `(rows, columns, maps, kernel height, kernel width,
channels)`.
"""

import torch
from torch import Tensor

from featlearn.ops.windows import overlap_add, windows


def local(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    """Compute codes by one copy of all windows and one batched product.

    The memory is that of the windows, `rows * columns * kernel * channels * batch` numbers.
    """
    rows, columns, _, *window, _ = weight.shape
    cols = windows(x, size=(window[0], window[1]), stride=stride)
    codes = torch.bmm(_matrices(weight), cols.flatten(2, 4).flatten(0, 1))
    codes = codes.unflatten(0, (rows, columns))
    return codes if bias is None else codes + bias.unsqueeze(3)


def transpose(codes: Tensor, weight: Tensor, height: int, width: int, stride: int) -> Tensor:
    """Compute planes by one batched product and the sum of what overlaps."""
    cols = torch.bmm(_matrices(weight).transpose(1, 2), codes.flatten(0, 1))
    cols = cols.unflatten(1, weight.shape[3:]).unflatten(0, weight.shape[:2])
    return overlap_add(cols, size=(height, width), stride=stride)


def _matrices(weight: Tensor) -> Tensor:
    """View the filters of every position as one matrix."""
    return weight.flatten(3).flatten(0, 1)
