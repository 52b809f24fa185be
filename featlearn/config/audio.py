"""Specs of how recordings become maps that a stage can learn from."""

from featlearn.config.base import Count, KindSpec, NonNegative, Positive
from featlearn.geometry import MapShape


class SpectralSpec(KindSpec, frozen=True, kw_only=True):
    """What every description of sound by its spectrum shares.

    `rate` is the recordings' in samples a second; one of another rate is refused, unless
    `resample` says to convert it. A recording becomes `frames` columns, each the spectrum of
    `window` samples, `hop` samples after the one before; so many samples are cut out of it,
    or silence is put around it, with the centre of its energy as near the middle as can be.
    The spectrum is summed in `bands` bands, even on the mel scale between `low` and `high` (half
    the rate, if absent), both in hertz. Powers are in decibels below the recording's loudest,
    down to `depth`, and so made numbers in [0, 1].
    """

    rate: Count = 8000
    resample: bool = False
    frames: Count = 40
    window: Count = 256
    hop: Count = 128
    bands: Count = 40
    low: NonNegative = 0.0
    high: Positive | None = None
    depth: Positive = 80.0

    def __post_init__(self) -> None:
        """Bands lie between 0 and half the rate."""
        half = self.rate / 2
        high = half if self.high is None else self.high
        if not self.low < high <= half:
            raise ValueError(
                f"`low` must lie below `high`, and that not above half the rate ({half:g} Hz); "
                f"got {self.low:g} and {high:g}"
            )
        if self.window < 2 or self.hop > self.window:
            raise ValueError(
                "`window` must be 2 or more, and `hop` at most `window`, so that no sample is "
                f"left out; got {self.window} and {self.hop}"
            )

    @property
    def top(self) -> float:
        """Upper end of the highest band, in hertz."""
        return self.rate / 2 if self.high is None else self.high

    @property
    def samples(self) -> int:
        """Count the samples of a recording that is described."""
        return self.window + (self.frames - 1) * self.hop


class LogMelSpec(SpectralSpec, frozen=True, kw_only=True, tag="log-mel"):
    """Powers in mel bands, in decibels: a map of `bands` by `frames`."""


class CepstralSpec(SpectralSpec, frozen=True, kw_only=True, tag="cepstral"):
    """The first `coefficients` of the cosine transform of the log-mel bands, in each frame.

    They say the form of the spectrum in few numbers that hardly depend on one another, as
    those of Davis & Mermelstein (1980): a map of `coefficients` by `frames`.
    """

    coefficients: Count = 13

    def __post_init__(self) -> None:
        """There are no more coefficients than bands."""
        super().__post_init__()
        if self.coefficients > self.bands:
            raise ValueError(
                f"`coefficients` must be at most `bands` ({self.bands}); got {self.coefficients}"
            )


AudioSpec = LogMelSpec | CepstralSpec


def audio_shape(spec: AudioSpec) -> MapShape:
    """Give the shape of the map that a recording becomes."""
    rows = spec.coefficients if isinstance(spec, CepstralSpec) else spec.bands
    return MapShape(1, rows, spec.frames)
