"""How the maps below become a stage's input and target."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from featlearn.config.stages import StageInput
from featlearn.geometry import MapShape
from featlearn.ops.moments import Moments, moments


class InputScaler(nn.Module):
    """Shift and scale the maps below, by numbers fitted once and stored with the model.

    `standardize` subtracts the mean and divides by the standard deviation: one of each per
    map or, with `per_unit`, per unit. A deviation below a tenth of the root mean square of
    all deviations is raised to that, so that an input that hardly varies, such as a pixel
    at the border, is not blown up. `unit` maps the range seen in each map onto [0, 1], and
    clips what lies outside. `none` leaves the input as it is. What never varies is only
    shifted.

    Args:
        shape: Shape of a sample.
        kind: `"standardize"`, `"unit"` or `"none"`.
        per_unit: Whether every unit is standardised by itself.

    Attributes:
        centre: What is subtracted, `(maps, 1, 1)`, or `(maps, height, width)` per unit.
        scale: What is divided by, above 0, of the same shape.
        running: Whether `update` follows the batches; otherwise it does nothing.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, shape: MapShape, kind: StageInput, *, per_unit: bool = False) -> None:
        """Start with no shift and unit scale."""
        super().__init__()
        self.kind: StageInput = kind
        self.per_unit = per_unit and kind == "standardize"
        self.running = False
        size = tuple(shape) if self.per_unit else (shape.maps, 1, 1)
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        """Scale maps, `(batch, maps, height, width)`."""
        if self.kind == "none":
            return x
        scaled = (x - self.centre) / self.scale
        return scaled.clamp(0.0, 1.0) if self.kind == "unit" else scaled

    def invert(self, y: Tensor) -> Tensor:
        """Return from scaled maps to those below."""
        return y * self.scale + self.centre

    def fit(self, batches: Iterable[Tensor]) -> None:
        """Fit to samples, given in batches `(batch, maps, height, width)`, in one pass.

        Raises:
            DataError: If there is no sample, or one holds a number that is not finite.
        """
        if self.kind != "none":
            self._set(*self._numbers(moments(batches, dims=self._dims)))

    def update(self, x: Tensor, momentum: float = 0.1) -> None:
        """Move a step of `momentum` from the numbers kept towards those of a batch.

        Does nothing unless `running`. Squares of scales are averaged, as variances are. A
        batch that is empty, or holds a number that is not finite, changes nothing.

        Args:
            x: Maps below, `(batch, maps, height, width)`.
            momentum: Weight of the batch, in [0, 1].
        """
        if not self.running or self.kind == "none" or not len(x):
            return
        centre, scale, finite = self._numbers_of(x.detach())
        square = torch.lerp(self.scale.double().square(), scale.square(), momentum)
        centre = torch.lerp(self.centre.double(), centre, momentum)
        # Chosen where the numbers are: to ask first would wait for the device at every step.
        self._set(
            torch.where(finite, centre, self.centre), torch.where(finite, square.sqrt(), self.scale)
        )

    def extra_repr(self) -> str:
        """Say the kind."""
        return f"{self.kind}{', per unit' if self.per_unit else ''}"

    @property
    def _dims(self) -> tuple[int, ...]:
        return (0,) if self.per_unit else (0, 2, 3)

    def _numbers(self, seen: Moments) -> tuple[Tensor, Tensor]:
        """Choose centre and scale."""
        if self.kind == "unit":
            return seen.least, _not_zero(seen.greatest - seen.least)
        return seen.mean, _deviation(seen.deviation)

    def _numbers_of(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Choose centre and scale by one batch, and tell whether all of it is finite.

        In the precision of the batch, single at least, and in one pass: it happens at every step.
        """
        if self.kind == "unit":
            least, greatest = torch.amin(x, self._dims, True), torch.amax(x, self._dims, True)
            width = greatest - least
            return least.double(), _not_zero(width.double()), width.isfinite().all()
        exact = x.to(torch.promote_types(x.dtype, torch.float32))
        variance, mean = torch.var_mean(exact, self._dims, correction=0, keepdim=True)
        deviation = _deviation(variance.double().sqrt())
        return mean.double(), deviation, variance.isfinite().all()

    @torch.no_grad()
    def _set(self, centre: Tensor, scale: Tensor) -> None:
        self.centre.copy_(centre.squeeze(0))
        self.scale.copy_(scale.squeeze(0))


def _deviation(deviation: Tensor) -> Tensor:
    """Raise deviations far below the others, so that nothing is blown up."""
    return _not_zero(deviation.clamp_min(0.1 * deviation.square().mean().sqrt()))


def _not_zero(scale: Tensor) -> Tensor:
    """Let what never varies keep its unit."""
    return torch.where(scale > 0, scale, 1.0)
