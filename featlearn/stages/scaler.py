"""How the maps below become a stage's input and target."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from featlearn.config.inputs import InputName, WhitenSpec, check_whitening
from featlearn.config.stages import StageSpec
from featlearn.geometry import MapShape
from featlearn.ops.conv import conv2d
from featlearn.ops.moments import Moments, moments
from featlearn.ops.whitening import PrincipalAxes, Whitening, pca_matrix
from featlearn.stages.whitening import PCA


class Scaler(nn.Module, ABC):
    """A map of the maps below by numbers that are fitted once and stored with the model.

    Args:
        shape: Shape of a sample.

    Attributes:
        output_shape: Shape of a scaled sample.
        running: Whether `update` follows the batches; otherwise it does nothing.
    """

    def __init__(self, shape: MapShape, output_shape: MapShape) -> None:
        """Stand still at first."""
        super().__init__()
        self.shape = shape
        self.output_shape = output_shape
        self.running = False

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Scale maps, `(batch, maps, height, width)`."""

    @abstractmethod
    def invert(self, y: Tensor) -> Tensor:
        """Return from scaled maps to those below."""

    @abstractmethod
    def invert_linear(self, y: Tensor) -> Tensor:
        """Carry differences of scaled maps back to those below: `invert`, without offsets."""

    @abstractmethod
    def transpose(self, y: Tensor) -> Tensor:
        """Apply the transpose of the linear part: what scaled maps would be looked for below."""

    @abstractmethod
    def fit(self, batches: Iterable[Tensor]) -> None:
        """Fit to samples, given in batches `(batch, maps, height, width)`, in one pass.

        Raises:
            DataError: If there is no sample, or one holds a number that is not finite.
        """

    def update(self, x: Tensor, momentum: float = 0.1) -> None:
        """Follow a batch, where the numbers can; those of `Scaler` stay."""


class InputScaler(Scaler):
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
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, shape: MapShape, kind: InputName, *, per_unit: bool = False) -> None:
        """Start with no shift and unit scale."""
        super().__init__(shape, shape)
        self.kind: InputName = kind
        self.per_unit = per_unit and kind == "standardize"
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

    def invert_linear(self, y: Tensor) -> Tensor:
        """Multiply by the scale."""
        return y * self.scale

    def transpose(self, y: Tensor) -> Tensor:
        """Divide by the scale."""
        return y / self.scale

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


class DampedPCA(PCA):
    """Principal components to each of which a share of their mean variance is added.

    Args:
        input_shape: Shape of a sample.
        spec: How many components, and the share.
    """

    def __init__(self, input_shape: MapShape, spec: WhitenSpec) -> None:
        """Start with the first inputs as they are, until fitted."""
        super().__init__(input_shape, keep=spec.keep, eps=spec.damping)
        self.mean = torch.zeros(input_shape.units)
        self.matrix = torch.eye(spec.keep, input_shape.units)
        self.inverse = torch.eye(input_shape.units, spec.keep)

    def _whitening(self, principal: PrincipalAxes) -> Whitening:
        variance = float(principal.variances[: int(self.keep)].mean())
        rounding = torch.finfo(torch.float32).eps ** 2 * float(principal.mean.square().mean())
        # What never varies is only shifted: rounding is not to be blown up.
        eps = 1.0 if variance <= rounding else self.eps * variance
        return pca_matrix(principal, keep=self.keep, eps=eps)


class WhiteningScaler(Scaler):
    """Principal components, each of one scale, of all maps or of every window: `WhitenSpec`.

    Components have the variances v_i / (v_i + d) with d = `damping` times the mean variance
    of those kept. With `unit_length` every sample, or window, is divided by its length; what is
    carried back keeps the length that it has. Where windows overlap, what is carried back is
    the mean of what they say.

    Attributes:
        components: What is fitted.
    """

    def __init__(self, shape: MapShape, spec: WhitenSpec) -> None:
        """Start with the first inputs as they are, until fitted."""
        super().__init__(shape, spec.above(shape))
        self.spec = spec
        self.components = DampedPCA(spec.together(shape), spec)

    def forward(self, x: Tensor) -> Tensor:
        """Whiten maps; `(batch, keep, 1, 1)`, or `(batch, keep, rows, columns)` of windows."""
        own = self.components
        # Not in half precision: what varies little is what whitening magnifies.
        with torch.autocast(x.device.type, enabled=False):
            exact = x.to(own.mean.dtype)
            if self.spec.size is None:
                white = own(exact)
            else:
                white = conv2d(exact, self._bank(own.matrix), -own.matrix @ own.mean)
        return F.normalize(white, dim=1) if self.spec.unit_length else white

    def invert(self, y: Tensor) -> Tensor:
        """Colour white samples, and add the mean."""
        if self.spec.size is None:
            return self.components.invert(y)
        mean = self.components.mean[None]
        ones = y.new_ones(1, 1, *y.shape[2:])
        return self.invert_linear(y) + self._averaged(ones, self._bank(mean))

    def invert_linear(self, y: Tensor) -> Tensor:
        """Colour white samples."""
        if self.spec.size is None:
            return self.components.invert_linear(y)
        return self._averaged(y, self._bank(self.components.inverse.T))

    def transpose(self, y: Tensor) -> Tensor:
        """Apply the transposed matrix: patterns in the space of the maps."""
        matrix = self.components.matrix
        if self.spec.size is None:
            return (y.flatten(1) @ matrix).unflatten(1, self.shape)
        return F.conv_transpose2d(y, self._bank(matrix))

    def fit(self, batches: Iterable[Tensor]) -> None:
        """Fit to samples, which are held together; of windows, to a few of each sample."""
        nothing = self.components.mean.new_empty(0, *self.components.input_shape)
        found = [self._measured(batch) for batch in batches]
        self.components.fit(torch.cat(found or [nothing]))

    def _measured(self, x: Tensor) -> Tensor:
        """Take the windows that are measured: all of a small plane, else others of each sample."""
        size = self.spec.size
        if size is None:
            return x
        cut = x.unfold(2, size, 1).unfold(3, size, 1).permute(0, 2, 3, 1, 4, 5).flatten(1, 2)
        count, taken = cut.shape[1], self.spec.measured(MapShape(*x.shape[1:]))
        samples = torch.arange(len(x), device=x.device)[:, None]
        steps = torch.arange(taken, device=x.device) * (count // taken)
        return cut[samples, (samples + steps) % count].flatten(0, 1)

    def _bank(self, rows: Tensor) -> Tensor:
        """See rows of numbers of a window as a bank of filters."""
        return rows.unflatten(1, self.components.input_shape)

    def _averaged(self, y: Tensor, bank: Tensor) -> Tensor:
        """Lay windows down, each a sum of filters, and take the mean of those that overlap."""
        ones = y.new_ones(1, 1, *y.shape[2:])
        over = F.conv_transpose2d(ones, torch.ones_like(bank[:1, :1]))
        return F.conv_transpose2d(y, bank) / over

    def extra_repr(self) -> str:
        """Say how many components."""
        return f"whiten, {self.shape} -> {self.output_shape}"


def build_scaler(spec: StageSpec, shape: MapShape, *, per_unit: bool) -> Scaler:
    """Build how a stage's input is scaled, over maps of `shape`.

    Args:
        spec: The stage.
        shape: Shape of the maps below.
        per_unit: Whether `standardize` is about units instead of maps.

    Raises:
        RecipeError: If there are fewer numbers below than components are wanted, or too many.
    """
    if isinstance(spec.input, WhitenSpec):
        check_whitening(spec.name, spec.input, shape)
        return WhiteningScaler(shape, spec.input)
    return InputScaler(shape, spec.input, per_unit=per_unit)


def _deviation(deviation: Tensor) -> Tensor:
    """Raise deviations far below the others, so that nothing is blown up."""
    return _not_zero(deviation.clamp_min(0.1 * deviation.square().mean().sqrt()))


def _not_zero(scale: Tensor) -> Tensor:
    """Let what never varies keep its unit."""
    return torch.where(scale > 0, scale, 1.0)
