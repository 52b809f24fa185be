"""Gabor functions fitted to patterns by least squares."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.optimize import least_squares

from featlearn.errors import ShapeError
from featlearn.evaluate.gabor import GaborFit, tuning

LEAST_SIDE = 5
"""Fewest rows and columns of a pattern: of fewer pixels nine numbers say too much."""

_PEAKS = 3  # of the spectrum, each of which one search begins from
_NEVER_BETTER = 0.98  # R² from which no further search is begun
_STEPS = (15, 60)  # of a search, and of the way on from the best end
_CLOSE = (1e-3, 1e-7)  # relative change of error and numbers at which these stop
_PARAMETERS = 9
_LEAST_WIDTH = 0.4  # pixels: of less nothing lies between two of them
_MOST_FREQUENCY = math.sqrt(0.5)  # cycles a pixel, Nyquist's along a diagonal
_FLAT = 1e-6  # of the largest value: what varies less is rounding

_Numbers = NDArray[np.float64]


def fit_gabors(patterns: NDArray[np.floating]) -> list[GaborFit | None]:
    """Fit a Gabor function to every pattern.

    Searches begin from the highest peaks of the spectrum: there the frequency and direction are
    read off, the centre is where the pattern is strongest at that frequency, and the best of some
    widths is taken. The best end is kept. Nothing is drawn: the same patterns give the same fits.

    Args:
        patterns: `(n, height, width)`, in any unit.

    Returns:
        A fit for each; `None` for a pattern that does not vary, which has no shape.

    Raises:
        ShapeError: If the patterns are not 3-D, or have fewer than 5 rows or columns.

    Source:
        Daugman, JOSA A 1985, the function; Ringach, J. Neurophysiology 2002, fits to receptive
        fields of cells.
    """
    if patterns.ndim != 3 or min(patterns.shape[1:]) < LEAST_SIDE:
        raise ShapeError(
            f"Gabor functions are fitted to (n, height >= {LEAST_SIDE}, width >= {LEAST_SIDE}); "
            f"got {patterns.shape}"
        )
    search = _Search(patterns.shape[1], patterns.shape[2])
    return [search.fit(pattern) for pattern in np.asarray(patterns, np.float64)]


class _Peak(NamedTuple):
    """A peak of the spectrum: the wave across the image, in cycles a pixel."""

    across: float  # columns
    down: float  # rows

    @property
    def frequency(self) -> float:
        return math.hypot(self.across, self.down)

    @property
    def angle(self) -> float:
        return math.atan2(self.down, self.across)


class _Search:
    """Looks for Gabor functions in patterns of one size.

    The numbers that are sought: centre (column, row), logarithms of width and length, angle of
    the wave with rows counted downwards, frequency, cosine and sine parts, offset.
    """

    def __init__(self, height: int, width: int) -> None:
        rows, columns = np.mgrid[:height, :width].astype(np.float64)
        self.shape = (height, width)
        self.x, self.y = columns.ravel(), rows.ravel()
        side = max(height, width)
        self.slowest = 1 / (4 * side)
        large = math.log(side)
        narrow = math.log(_LEAST_WIDTH)
        free = [np.inf] * 3
        self.low = np.array(
            [-0.5, -0.5, narrow, narrow, -np.inf, self.slowest, *(-n for n in free)]
        )
        self.high = np.array(
            [width - 0.5, height - 0.5, large, large, np.inf, _MOST_FREQUENCY, *free]
        )

    def fit(self, pattern: _Numbers) -> GaborFit | None:
        """Find the nearest function, at the scale of the pattern's deviation."""
        mean = float(pattern.mean())
        deviation = float(pattern.std())
        if deviation <= _FLAT * float(np.abs(pattern).max()) or not math.isfinite(deviation):
            return None
        plain = (pattern - mean) / deviation
        values = plain.ravel()
        ends: list[tuple[float, _Numbers]] = []
        for start in self._starts(plain):
            ends.append(self._descend(start, values, steps=_STEPS[0], close=_CLOSE[0]))
            if 1 - ends[-1][0] > _NEVER_BETTER:
                break
        _, best = min(ends, key=lambda end: end[0])
        least, best = self._descend(best, values, steps=_STEPS[1], close=_CLOSE[1])
        return _named(best, mean=mean, deviation=deviation, r2=1 - least)

    def _starts(self, plain: _Numbers) -> Iterator[_Numbers]:
        """Begin at each peak of the spectrum, with the widths that suit best."""
        for peak in self._peaks(plain):
            centres = self._centres(plain, peak)
            guesses = [
                np.array([x, y, math.log(wide), math.log(long), peak.angle, peak.frequency])
                for x, y in centres
                for wide in np.clip(np.array([0.25, 0.45, 0.8]) / peak.frequency, 0.5, None)
                for long in (wide, 2 * wide)
            ]
            rest = self._solve(np.stack(guesses), plain.ravel())
            yield np.clip(rest, self.low, self.high)

    def _peaks(self, plain: _Numbers) -> Iterator[_Peak]:
        """List the highest peaks of the spectrum, on a grid four times as fine."""
        size = 4 * max(self.shape)
        power = np.abs(np.fft.rfft2(plain, (size, size)))
        down = np.fft.fftfreq(size)[:, None]
        across = np.fft.rfftfreq(size)[None]
        power[np.hypot(down, across) < self.slowest] = 0
        for _ in range(_PEAKS):
            row, column = np.unravel_index(int(power.argmax()), power.shape)
            peak = _Peak(float(across[0, column]), float(down[row, 0]))
            yield peak
            # Of a real pattern each wave has a mirror image, here where `across` is 0.
            near = np.hypot(down - peak.down, across - peak.across) < 1 / max(self.shape)
            near |= np.hypot(down + peak.down, across + peak.across) < 1 / max(self.shape)
            power[near] = 0

    def _centres(self, plain: _Numbers, peak: _Peak) -> list[tuple[float, float]]:
        """Find where a pattern is strongest at a frequency: the place itself, and the mean one."""
        turning = np.exp(-2j * math.pi * (peak.across * self.x + peak.down * self.y))
        still = plain * turning.reshape(self.shape)
        reach = max(1.0, 0.35 / peak.frequency)
        energy = sum(
            np.square(gaussian_filter(part, reach, mode="constant"))
            for part in (still.real, still.imag)
        )
        energy = np.asarray(energy).ravel()
        place = int(energy.argmax())
        total = float(energy.sum()) or 1.0
        mean = float(energy @ self.x) / total, float(energy @ self.y) / total
        return [(float(self.x[place]), float(self.y[place])), mean]

    def _solve(self, guesses: _Numbers, values: _Numbers) -> _Numbers:
        """Add to each guess the parts that suit it best, and give the best of all."""
        u, v = self._turned(*(guesses[:, place, None] for place in (0, 1, 4)))
        envelope = np.exp(
            -0.5 * np.square(u / np.exp(guesses[:, 2, None]))
            - 0.5 * np.square(v / np.exp(guesses[:, 3, None]))
        )
        angle = 2 * math.pi * guesses[:, 5, None] * u
        basis = np.stack([envelope * np.cos(angle), envelope * np.sin(angle), np.ones_like(u)], 2)
        turned = basis.transpose(0, 2, 1)
        ridge = 1e-6 * len(values) * np.eye(3)
        parts = np.linalg.solve(turned @ basis + ridge, (turned @ values)[..., None])
        errors = np.square((basis @ parts)[..., 0] - values).sum(1)
        best = int(errors.argmin())
        return np.asarray(np.concatenate([guesses[best], parts[best, :, 0]]), np.float64)

    def _descend(
        self, start: _Numbers, values: _Numbers, *, steps: int, close: float
    ) -> tuple[float, _Numbers]:
        """Go down towards the nearest least of the mean squared error, within bounds."""
        found = least_squares(
            self._residuals,
            start,
            jac=cast(Any, self._slopes),  # scipy's stub knows the names of methods only
            bounds=(self.low, self.high),
            args=(values,),
            max_nfev=steps,
            x_scale=np.array([1, 1, 0.3, 0.3, 0.3, 0.03, 1, 1, 1]),
            ftol=close,
            xtol=close,
        )
        return 2 * float(found.cost) / len(values), np.asarray(found.x)

    def _turned(self, x: _Numbers, y: _Numbers, angle: _Numbers) -> tuple[_Numbers, _Numbers]:
        """Measure every pixel across and along the bars, from the centre."""
        right, down = self.x - x, self.y - y
        cosine, sine = np.cos(angle), np.sin(angle)
        return right * cosine + down * sine, down * cosine - right * sine

    def _residuals(self, p: _Numbers, values: _Numbers) -> _Numbers:
        """Give by how much the function is above the values."""
        u, v = self._turned(p[0], p[1], p[4])
        envelope = np.exp(-0.5 * np.square(u * np.exp(-p[2])) - 0.5 * np.square(v * np.exp(-p[3])))
        angle = 2 * math.pi * p[5] * u
        return p[8] + envelope * (p[6] * np.cos(angle) + p[7] * np.sin(angle)) - values

    def _slopes(self, p: _Numbers, values: _Numbers) -> _Numbers:
        """Differentiate the residuals, `(pixels, 9)`."""
        u, v = self._turned(p[0], p[1], p[4])
        across, along = np.exp(-2 * p[2]), np.exp(-2 * p[3])
        envelope = np.exp(-0.5 * u * u * across - 0.5 * v * v * along)
        pace = 2 * math.pi * p[5]
        cosine, sine = envelope * np.cos(pace * u), envelope * np.sin(pace * u)
        wave, turned = p[6] * cosine + p[7] * sine, p[7] * cosine - p[6] * sine
        by_u, by_v = pace * turned - wave * u * across, -wave * v * along
        right, down = math.cos(p[4]), math.sin(p[4])
        slopes = np.empty((len(u), _PARAMETERS))
        slopes[:, 0] = by_v * down - by_u * right
        slopes[:, 1] = -by_u * down - by_v * right
        slopes[:, 2] = wave * u * u * across
        slopes[:, 3] = wave * v * v * along
        slopes[:, 4] = by_u * v - by_v * u
        slopes[:, 5] = 2 * math.pi * u * turned
        slopes[:, 6], slopes[:, 7], slopes[:, 8] = cosine, sine, 1.0
        return slopes


def _named(p: _Numbers, *, mean: float, deviation: float, r2: float) -> GaborFit:
    """Write what was found in the unit of the pattern, each function in one way only."""
    across = math.degrees(-p[4]) % 360  # counter-clockwise
    phase = math.degrees(math.atan2(-p[7], p[6]))
    if not -90 < (across if across < 180 else across - 360) <= 90:
        across, phase = across + 180, -phase
    phase = 180.0 if phase == -180 else phase
    width, length, frequency = math.exp(p[2]), math.exp(p[3]), float(p[5])
    preferred, octaves = tuning(frequency, width, phase)
    return GaborFit(
        row=float(p[1]),
        column=float(p[0]),
        width=width,
        length=length,
        orientation=(across + 90) % 360 % 180,
        frequency=frequency,
        phase=phase,
        amplitude=deviation * math.hypot(p[6], p[7]),
        offset=mean + deviation * float(p[8]),
        preferred=preferred,
        bandwidth=octaves,
        r2=r2,
    )
