"""Specs of the data, their preparation and their augmentation."""

from typing import Annotated, Literal

import msgspec

from featlearn.config.audio import AudioSpec
from featlearn.config.base import (
    Count,
    Fraction,
    KindSpec,
    NonNegative,
    Positive,
    Probability,
    Spec,
)
from featlearn.errors import RecipeError

Fit = Literal["exact", "crop", "pad", "resize"]
Colour = Literal["keep", "grey", "rgb"]


class DataSpec(Spec, frozen=True, kw_only=True):
    """Where the images come from and what shape they are given.

    `source` is a known set's name, a folder or zip of images, a folder of recordings, or an
    IDX, NPY or NPZ file.
    `size` is (height, width); `fit` says what becomes of an image of another size, `colour`
    what becomes of its maps. `crops` draws that many random crops of `size` from every
    image, once, and makes them the data set; it needs `fit = "crop"`. `hold_out` is the
    fraction of the training images kept for early stopping, `test` the fraction of a source
    without a test split that is set apart for evaluation; `limit` takes that many training
    images. `audio` says what recordings become, by default a log-mel map.
    """

    source: str
    size: tuple[Count, Count] | None = None
    fit: Fit = "exact"
    colour: Colour = "keep"
    crops: Count | None = None
    hold_out: Fraction = 0.05
    test: Fraction = 0.2
    limit: Count | None = None
    audio: AudioSpec | None = None

    def __post_init__(self) -> None:
        """Refuse keys that need one another."""
        if self.crops is not None and (self.fit != "crop" or self.size is None):
            raise ValueError('`data.crops` needs `data.fit = "crop"` and `data.size`')
        if self.fit != "exact" and self.size is None:
            raise ValueError(f'`data.fit = "{self.fit}"` needs `data.size`')


class ContrastSpec(KindSpec, frozen=True, kw_only=True, tag="contrast"):
    """Per image: subtract its mean, divide by its standard deviation."""

    floor: Positive = 0.01


class StandardizeSpec(KindSpec, frozen=True, kw_only=True, tag="standardize"):
    """Per pixel: subtract the mean over the training images, divide by the deviation."""

    floor: Positive = 0.01


class ZCASpec(KindSpec, frozen=True, kw_only=True, tag="zca"):
    """Whiten, and turn back to the axes of the pixels; `eps` is added to each variance."""

    eps: Positive = 0.1


class PCASpec(KindSpec, frozen=True, kw_only=True, tag="pca"):
    """Project on the principal components and whiten.

    `keep` is how many of them, or, as a number with a point, the share of the variance that
    they must hold. `eps` is added to each variance, in its unit.
    """

    keep: Count | Positive = 0.99
    eps: Positive = 1e-6

    def __post_init__(self) -> None:
        """A share of variance is at most 1."""
        if isinstance(self.keep, float) and self.keep > 1:
            raise ValueError(
                f"`keep` is a whole number of components or a share in (0, 1]; got {self.keep}"
            )


class ChannelsSpec(KindSpec, frozen=True, kw_only=True, tag="channels"):
    """Per map: subtract a given `mean`, divide by a given deviation, `std`.

    Both list a number for each map of an image, whose values are in [0, 1]: those that the
    published weights of a network were learned with.
    """

    mean: tuple[float, ...]
    std: tuple[Positive, ...]

    def __post_init__(self) -> None:
        """There is one of each for a map."""
        if not self.mean or len(self.mean) != len(self.std):
            raise ValueError(
                "`mean` and `std` list a number for each map; got "
                f"{len(self.mean)} and {len(self.std)}"
            )


PreprocessSpec = ContrastSpec | StandardizeSpec | ChannelsSpec | ZCASpec | PCASpec


def check_channels(spec: ChannelsSpec, maps: int) -> None:
    """Refuse numbers for other maps than an image has.

    Raises:
        RecipeError: Saying how many there are.
    """
    if len(spec.mean) != maps:
        raise RecipeError(
            f"preprocess of kind 'channels' lists numbers for {len(spec.mean)} maps, and images "
            f'have {maps}: set `data.colour = "rgb"` (or "grey"), or give `preprocess` anew'
        )


class ShiftSpec(KindSpec, frozen=True, kw_only=True, tag="shift"):
    """Move by up to `pixels` along each axis."""

    pixels: NonNegative = 2.0


class RotateSpec(KindSpec, frozen=True, kw_only=True, tag="rotate"):
    """Turn by up to `degrees` either way."""

    degrees: NonNegative = 10.0


class ScaleSpec(KindSpec, frozen=True, kw_only=True, tag="scale"):
    """Grow or shrink by a factor drawn from [1 - amount, 1 + amount]."""

    amount: Fraction = 0.1


class FlipSpec(KindSpec, frozen=True, kw_only=True, tag="flip"):
    """Mirror left and right with this probability."""

    rate: Probability = 0.5


class ElasticSpec(KindSpec, frozen=True, kw_only=True, tag="elastic"):
    """Displace by a smooth random field (Simard et al. 2003).

    `alpha` is the root mean square displacement and `sigma` the smoothing of
    the field, both in pixels.
    """

    alpha: NonNegative = 1.0
    sigma: Positive = 4.0


class CropSpec(KindSpec, frozen=True, kw_only=True, tag="crop"):
    """Pad by `pixels` on every side and cut a random window of the old size."""

    pixels: Count = 4


class ColourSpec(KindSpec, frozen=True, kw_only=True, tag="colour"):
    """Make brighter or darker, more or less colourful, and turn the hue, each by its own draw.

    Values are multiplied by a factor in 1 ± `brightness`, their distance from grey by one
    in 1 ± `saturation`, and hues turn by up to `hue` degrees of the colour circle either
    way. Only red, green and blue have saturation and hue: images of one map (grey) or of any
    other number change in brightness alone. Preprocessing by `contrast` takes a change of
    brightness out again, but for what was clipped at the ends of [0, 1].
    """

    brightness: Fraction = 0.2
    saturation: Fraction = 0.2
    hue: Annotated[float, msgspec.Meta(ge=0, le=180)] = 10.0


class ContrastChangeSpec(KindSpec, frozen=True, kw_only=True, tag="contrast"):
    """Multiply the distance from the image's mean grey by a factor from [1 - amount, 1 + amount].

    Preprocessing by `contrast` takes this out again, but for what was clipped.
    """

    amount: Fraction = 0.2


class BlurSpec(KindSpec, frozen=True, kw_only=True, tag="blur"):
    """Smooth by a Gaussian whose standard deviation is drawn from [0, sigma], in pixels."""

    sigma: Annotated[float, msgspec.Meta(ge=0, le=32)] = 1.0


class CutOutSpec(KindSpec, frozen=True, kw_only=True, tag="cut-out"):
    """Hide a square of `size` pixels, centred anywhere, under the image's mean.

    Source: DeVries & Taylor 2017.
    """

    size: Count = 8


class MixupSpec(KindSpec, frozen=True, kw_only=True, tag="mixup"):
    """Mix each image, and its label, with another of the batch (Zhang et al., ICLR 2018).

    The share of the one is drawn from Beta(alpha, alpha), that of the other is the rest. It
    belongs to fine-tuning: pre-training has no labels to mix.
    """

    alpha: Positive = 0.2


AugmentSpec = (
    ShiftSpec
    | RotateSpec
    | ScaleSpec
    | FlipSpec
    | ElasticSpec
    | CropSpec
    | ColourSpec
    | ContrastChangeSpec
    | BlurSpec
    | CutOutSpec
    | MixupSpec
)
