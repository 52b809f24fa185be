"""Climbing to the input that a unit answers to most, on a sphere around a plain input."""

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import msgspec
import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.errors import UsageError
from featlearn.ops.random import generator

Respond = Callable[[Tensor], Tensor]
"""From inputs `(n, maps, height, width)` to one response each, `(n,)`."""


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """How an optimal stimulus is looked for.

    Attributes:
        space: Whether the input is an image as it is `prepared` for the first stage, or its
            `pixels`. In the latter a preparation of contrast undoes the norm.
        norm: Distance from the plain input, in the unit of the space; by default the one
            that images typically have in the part that the unit sees.
        steps: Steps of ascent.
        starts: How many starts from noise there are, beside the one from an image.
        seed: Seed of noise and jitter.
        total_variation: How much smoothness counts, as a share of the response: the length
            of its gradient for one of length 1 of the response, in [0, 1).
        jitter: Largest shift at random in each step, in pixels, under which the response
            shall stay.
        smoothing: Standard deviation, in pixels, of a Gaussian over starts and steps, which
            leaves high frequencies out.
        limits: Least and largest value of a pixel, for the space of pixels; the distance may
            then come out smaller.

    Raises:
        UsageError: If a number is out of range, or limits are not for pixels.
    """

    space: Literal["prepared", "pixels"] = "prepared"
    norm: float | None = None
    steps: int = 100
    starts: int = 4
    seed: int = 0
    total_variation: float = 0.0
    jitter: int = 0
    smoothing: float = 0.0
    limits: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        fine = {
            "norm above 0": self.norm is None or 0 < self.norm < math.inf,
            "steps of at least 1": self.steps >= 1,
            "starts of at least 0": self.starts >= 0,
            "total_variation in [0, 1)": 0 <= self.total_variation < 1,
            "jitter of at least 0": self.jitter >= 0,
            "smoothing of at least 0": 0 <= self.smoothing < math.inf,
            "limits in order, for pixels": self.limits is None
            or (self.space == "pixels" and self.limits[0] < self.limits[1]),
        }
        for wanted, held in fine.items():
            if not held:
                value = getattr(self, wanted.split()[0])
                raise UsageError(f"a search for a stimulus needs {wanted}; got {value}")

    @property
    def spatial(self) -> bool:
        """Whether it asks for what only a plane has."""
        return bool(self.total_variation or self.jitter or self.smoothing)


class Sphere(NamedTuple):
    """Where the inputs may be, one sphere for each."""

    ground: Tensor
    """The plain input, `(maps, height, width)`, which all spheres surround."""

    masks: Tensor
    """1 where an input may differ from it, else 0, `(n, 1, height, width)`."""

    norms: Tensor
    """The radii, `(n,)`."""

    centred: bool
    """Whether differences sum to 0, as those of images of equal mean do."""

    limits: tuple[float, float] | None
    """Least and largest value of an input."""

    def project(self, moved: Tensor) -> Tensor:
        """Bring differences from the ground, `(n, maps, height, width)`, onto their sphere."""
        moved = moved * self.masks
        if self.centred:
            room = (self.masks.sum((1, 2, 3), keepdim=True) * moved.shape[1]).clamp_min(1)
            moved = moved - self.masks * (moved.sum((1, 2, 3), keepdim=True) / room)
        moved = unit_length(moved) * self.norms.view(-1, 1, 1, 1)
        if self.limits is not None:
            moved = (self.ground + moved).clamp(*self.limits) - self.ground
        return moved

    def part(self, places: slice, *, repeats: int) -> "Sphere":
        """Give some of the spheres, each several times."""
        masks, norms = (
            part[places].repeat_interleave(repeats, 0) for part in (self.masks, self.norms)
        )
        return self._replace(masks=masks, norms=norms)


def unit_length(x: Tensor) -> Tensor:
    """Divide each entry of a batch by its norm; zero stays zero."""
    norm = torch.linalg.vector_norm(x, dim=(1, 2, 3), keepdim=True)
    return torch.where(norm > 0, x / torch.where(norm > 0, norm, 1.0), 0.0)


def ascend(
    respond: Respond,
    sphere: Sphere,
    start: Tensor,
    draws: Sequence[torch.Generator],
    search: Search,
) -> Tensor:
    """Climb by steps along the normalised gradient, which shorten, and back onto the sphere.

    Where the response has no gradient (below the threshold of a unit, say) the step is at
    random, until it has.

    Args:
        respond: The responses to climb.
        sphere: Where the inputs may be.
        start: Differences from the ground to start from, `(n, maps, height, width)`.
        draws: For each of them what draws its random steps.
        search: How to climb.

    Returns:
        Differences from the ground, of the shape of `start`.

    Source:
        Erhan et al., Visualizing higher-layer features of a deep network, 2009.
    """
    moved = sphere.project(blurred(start, search.smoothing))
    jitter = generator(search.seed, "stimulus", "jitter")
    for step in range(search.steps):
        shift = (0, 0)
        if search.jitter:
            reach = torch.randint(-search.jitter, search.jitter + 1, (2,), generator=jitter)
            shift = (int(reach[0]), int(reach[1]))
        slope = _gradient(respond, sphere, moved, shift)
        slope = unit_length(blurred(slope, search.smoothing) * sphere.masks)
        if search.total_variation:
            slope = slope - search.total_variation * unit_length(_roughening(moved))
        lost = (slope == 0).flatten(1).all(1)
        for place in lost.nonzero().squeeze(1).tolist():
            noise = torch.randn(moved.shape[1:], generator=draws[place])
            slope[place] = unit_length((noise.to(moved) * sphere.masks[place])[None])[0]
        rate = 1 - step / search.steps
        moved = sphere.project(moved + rate * sphere.norms.view(-1, 1, 1, 1) * slope)
    return moved


def _gradient(respond: Respond, sphere: Sphere, moved: Tensor, shift: tuple[int, int]) -> Tensor:
    """Differentiate responses to shifted inputs; what is no number counts as no slope."""
    with torch.enable_grad():
        leaf = moved.detach().requires_grad_()
        inputs = sphere.ground + (leaf if shift == (0, 0) else leaf.roll(shift, (2, 3)))
        (slope,) = torch.autograd.grad(respond(inputs).sum(), leaf)
    return slope.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)


def blurred(x: Tensor, deviation: float) -> Tensor:
    """Smooth planes by a Gaussian, round the border.

    Args:
        x: `(n, maps, height, width)`.
        deviation: Of the Gaussian, in pixels; 0 leaves them as they are.
    """
    if deviation == 0:
        return x
    height, width = x.shape[-2:]
    down = torch.fft.fftfreq(height, dtype=x.dtype, device=x.device)
    right = torch.fft.rfftfreq(width, dtype=x.dtype, device=x.device)
    squares = down.square()[:, None] + right.square()
    kept = torch.exp(-2 * (math.pi * deviation) ** 2 * squares)
    return torch.fft.irfft2(torch.fft.rfft2(x) * kept, s=(height, width))


def total_variation(x: Tensor) -> Tensor:
    """Sum the lengths of the differences between neighbours.

    Args:
        x: `(n, maps, height, width)`.

    Returns:
        `(n,)`, in the unit of `x`; its gradient is finite on flat parts too.

    Source:
        Rudin, Osher & Fatemi, Physica D 1992.
    """
    down = F.pad(x.diff(dim=2), (0, 0, 0, 1))
    right = F.pad(x.diff(dim=3), (0, 1))
    scale = x.detach().square().mean((1, 2, 3), keepdim=True)
    tiny = torch.finfo(x.dtype).tiny
    return (down.square() + right.square() + 1e-6 * scale + tiny).sqrt().sum((1, 2, 3))


def _roughening(moved: Tensor) -> Tensor:
    """Give the direction in which total variation grows."""
    with torch.enable_grad():
        leaf = moved.detach().requires_grad_()
        (slope,) = torch.autograd.grad(total_variation(leaf).sum(), leaf)
    return slope
