"""What the study of digits seen and heard came to."""

import msgspec

from featlearn.networks.formats import FORMAT
from featlearn.studies.digits_av.noise import Levels

Ends = tuple[float, float]
"""The ends of a 95 % interval."""


class Repeated(msgspec.Struct, frozen=True, kw_only=True):
    """A share in [0, 1] or a difference of two, over several trainings judged on the same samples.

    Attributes:
        mean: Over all trainings and samples.
        by_image: Ends of its 95 % interval over other test images: the bootstrap of the mean over
            trainings, every image drawn whole. None where no image is judged.
        by_recording: The same over other test recordings.
        by_training: Student's interval over other trainings: draws of pairs, or seeds. None where
            there is one.
        each: The figure of every training.
    """

    mean: float
    by_image: Ends | None = None
    by_recording: Ends | None = None
    by_training: Ends | None = None
    each: list[float]

    @property
    def widest(self) -> Ends:
        """Give the widest of its intervals: what may be said of other samples and trainings."""
        ends = [self.by_image, self.by_recording, self.by_training]
        known = [each for each in ends if each is not None] or [(self.mean, self.mean)]
        return max(known, key=lambda each: each[1] - each[0])


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """A way to see what was heard, and to hear what was seen.

    Attributes:
        name: What it is called.
        seen: Accuracy on test images of a classifier that learned from sound.
        heard: Accuracy on test recordings of one that learned from images.
    """

    name: str
    seen: Repeated
    heard: Repeated


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """All methods at one number of pairs.

    Attributes:
        pairs: How many.
        draws: How many draws of them.
        seconds: Time that a shared code took to learn, mean over the draws in which one was.
        methods: The shared code first.
        ahead: By plain method, how much the shared code is ahead on images, draw by draw.
        ahead_heard: The same on recordings.
    """

    pairs: int
    draws: int
    seconds: float
    methods: list[Method]
    ahead: dict[str, Repeated]
    ahead_heard: dict[str, Repeated]


class Fused(msgspec.Struct, frozen=True, kw_only=True):
    """Nets on noisy test pairs, alike but for the seed.

    Attributes:
        name: The head, or the one modality that they learned from.
        validation: The mean error on validation pairs, by what is there.
        error: The error on test pairs, by what is there.
    """

    name: str
    validation: dict[str, float]
    error: dict[str, Repeated]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """The error of nets beside that of others on the same pairs, seed by seed.

    Attributes:
        against: The others.
        more: How much larger the mean error is, as a share of theirs; none where they err nowhere.
        difference: The error less theirs.
    """

    against: str
    more: float | None
    difference: Repeated


class DigitsAVResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the study came to, as `results.json` holds it.

    Attributes:
        out: The folder.
        seconds: Time that everything took, this time.
        seed: Of the run.
        run: The run of which the stacks are taken.
        curve: Hearing to see, by the number of pairs.
        levels: The noise.
        noisy: Nets on noisy pairs.
        fused: By head, both modalities against the net of the single one that errs less.
        missing: By head and modality, that one alone against the net that learned from it alone.
        folds: By speaker who was never heard, the methods, all pairs.
        unheard: The mean of these over the speakers, its interval that of other speakers.
        figure: The picture of the curve.
    """

    format: int = FORMAT
    out: str
    seconds: float
    seed: int
    run: str
    curve: list[Point]
    levels: Levels
    noisy: list[Fused]
    fused: dict[str, Compared]
    missing: dict[str, dict[str, Compared]]
    folds: dict[str, list[Method]]
    unheard: list[Method]
    figure: str
