"""Changes of how an image looks: colour, contrast, sharpness, and what of it is hidden.

Images are `(batch, maps, height, width)` floats; a change is given by one number per image,
`(batch,)`. Those in [0, 1] stay there: what would leave it is clipped. One that has values
beyond is clipped at its own least and greatest value instead.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.errors import ShapeError

_LUMA = (0.299, 0.587, 0.114)


def brighten(x: Tensor, factor: Tensor) -> Tensor:
    """Multiply each image by its `factor`, and clip."""
    return _clipped(x * _per_image(factor), x)


def saturate(x: Tensor, factor: Tensor) -> Tensor:
    """Move each pixel to g + f (x - g), with g its grey value and f its image's `factor`.

    At 0 nothing is left but grey. Images that are not of three maps come back as they are.

    Source:
        g = 0.299 R + 0.587 G + 0.114 B, the luma of ITU-R BT.601.
    """
    if x.shape[1] != 3:
        return x
    return _clipped(torch.lerp(_grey(x), x, _per_image(factor)), x)


def turn_hue(x: Tensor, degrees: Tensor) -> Tensor:
    """Turn the hue of each pixel, with the greatest and the least of its values kept.

    In hue, chroma and value: V = max(R, G, B), C = V - min(R, G, B), and the colour of hue H
    (in sixths of the circle) is V - C max(0, min(k, 4 - k, 1)), where k = (n + H) mod 6 and
    n = 5, 3, 1 for red, green and blue. 120 degrees takes red to green. Grey pixels have no
    hue and stay. Images that are not of three maps come back as they are.

    Source:
        Smith, SIGGRAPH 1978, the hexcone.
    """
    if x.shape[1] != 3:
        return x
    red, green, blue = x.unbind(1)
    value = x.amax(1)
    chroma = value - x.amin(1)
    some = torch.where(chroma > 0, chroma, 1.0)
    sixths = torch.where(value == green, (blue - red) / some + 2, (red - green) / some + 4)
    sixths = torch.where(value == red, (green - blue) / some, sixths)
    sixths = sixths + degrees[:, None, None] / 60
    maps: list[Tensor] = []
    for place in (5, 3, 1):
        k = (place + sixths).remainder(6)
        maps.append(value - chroma * torch.minimum(k, 4 - k).clamp(0, 1))
    return torch.stack(maps, dim=1)


def stretch(x: Tensor, factor: Tensor) -> Tensor:
    """Move each value to m + f (x - m), with m its image's mean grey and f the `factor`.

    Grey is that of `saturate`; with another number of maps than three, the mean of all maps.
    """
    mean = _grey(x).mean(dim=(1, 2, 3), keepdim=True)
    return _clipped(torch.lerp(mean, x, _per_image(factor)), x)


def blur(x: Tensor, sigma: Tensor, *, radius: int) -> Tensor:
    """Smooth each image by a Gaussian of its own.

    Args:
        x: Images.
        sigma: Standard deviations, in pixels; at 0 an image stays as it is.
        radius: How far the Gaussian reaches, in pixels. The weights within add up to 1.

    Returns:
        Images of the same shape. The border goes on beyond the image.
    """
    places = torch.arange(-radius, radius + 1, dtype=x.dtype, device=x.device)
    # So narrow that every other weight is 0, where a width of 0 would be 0 / 0.
    weights = torch.exp(-0.5 * (places / sigma.clamp(min=1e-3)[:, None]).square())
    weights = weights / weights.sum(dim=1, keepdim=True)
    down = _smoothed(F.pad(x, [0, 0, radius, radius], mode="replicate"), weights, dim=2)
    right = _smoothed(F.pad(down, [radius, radius, 0, 0], mode="replicate"), weights, dim=3)
    return _clipped(right, x)


def cut_out(x: Tensor, centre: Tensor, *, size: int) -> Tensor:
    """Hide a square of each image under the image's mean, map by map.

    Args:
        x: Images.
        centre: `(batch, 2)`, row and column of a pixel. The square begins `size // 2` above
            and left of it; what of it lies outside the image is left out.
        size: Its side, in pixels.

    Raises:
        ShapeError: If the square is higher or wider than the images.

    Source:
        DeVries and Taylor 2017, arXiv:1708.04552. Their square is 0 in images from which the
        mean over the data was taken; here it is the mean of the image it hides a part of.
    """
    height, width = x.shape[2:]
    if size > min(height, width):
        raise ShapeError(
            f"a cut-out of {size} x {size} pixels is larger than images of {height} x {width}; "
            "make its `size` smaller"
        )
    rows, columns = (
        torch.arange(length, device=x.device) - centre[:, axis : axis + 1] + size // 2
        for axis, length in enumerate((height, width))
    )
    hidden = _inside(rows, size)[:, None, :, None] & _inside(columns, size)[:, None, None, :]
    return torch.where(hidden, _clipped(x.mean(dim=(2, 3), keepdim=True), x), x)


def _inside(places: Tensor, size: int) -> Tensor:
    """Tell which places lie on the square."""
    return (places >= 0) & (places < size)


def _smoothed(padded: Tensor, weights: Tensor, *, dim: int) -> Tensor:
    """Sum neighbours along `dim` by each image's weights, `(batch, taps)`."""
    taps = weights.shape[1]
    length = padded.shape[dim] - taps + 1
    total = padded.narrow(dim, 0, length) * _per_image(weights[:, 0])
    for tap in range(1, taps):
        total.addcmul_(padded.narrow(dim, tap, length), _per_image(weights[:, tap]))
    return total


def _grey(x: Tensor) -> Tensor:
    """Give the grey value of each pixel, `(batch, 1, height, width)`."""
    if x.shape[1] != 3:
        return x.mean(dim=1, keepdim=True)
    return (x * x.new_tensor(_LUMA)[:, None, None]).sum(dim=1, keepdim=True)


def _clipped(y: Tensor, x: Tensor) -> Tensor:
    """Clip `y` to [0, 1], or to what the image in `x` reaches beyond."""
    low = x.amin(dim=(1, 2, 3), keepdim=True).clamp(max=0)
    high = x.amax(dim=(1, 2, 3), keepdim=True).clamp(min=1)
    return y.clamp(low, high)


def _per_image(numbers: Tensor) -> Tensor:
    """Give one number per image the shape that broadcasts over it."""
    return numbers.view(-1, 1, 1, 1)
