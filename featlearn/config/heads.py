"""Specs of heads: what is learned on top of the stages, and by which loss."""

from typing import Literal

from featlearn.config.base import Count, Fraction, KindSpec, Name, Positive


class HeadBase(KindSpec, frozen=True, kw_only=True):
    """What every head shares.

    `pool` takes the mean (`avg`) or the maximum (`max`) of each map over all positions of the
    last stage's output before anything else. `hidden` lists the widths of hidden layers between
    (none: a linear head), `dropout` is that of the hidden layers, `name` is what `describe` calls
    the last layer. `input = "standardize"` centres and scales the features one by one, as measured
    on training images, so that one learning rate suits every stack; `none` leaves them as they
    are, as networks with published weights do.
    """

    input: Literal["standardize", "none"] = "standardize"
    pool: Literal["none", "avg", "max"] = "none"
    hidden: tuple[Count, ...] = ()
    dropout: Fraction = 0.0
    name: Name = "out"


class ClassificationSpec(HeadBase, frozen=True, kw_only=True, tag="classification"):
    """One of several classes.

    `loss` is `softmax`, the cross-entropy, or `hinge`: max(0, 1 - y s)², summed over classes,
    each against the rest (y is 1 for the own class and -1 for others, s the score; the L2-SVM
    of Tang 2013), whose scores are no probabilities. `smoothing` is label smoothing, of `softmax`
    alone. `weights` multiplies the loss of an image by a number for its class: `balanced`
    takes what makes every class weigh the same, a table gives numbers by name (1 where it names
    none); they are divided by their mean over the images that are learned from. `classes` is
    how many there are, taken from the labels if absent.
    """

    loss: Literal["softmax", "hinge"] = "softmax"
    smoothing: Fraction = 0.0
    weights: Literal["balanced"] | dict[str, Positive] | None = None
    classes: Count | None = None

    def __post_init__(self) -> None:
        """A hinge has no probabilities to smooth."""
        if self.loss == "hinge" and self.smoothing:
            raise ValueError('`smoothing` belongs to `loss = "softmax"`')


class RegressionSpec(HeadBase, frozen=True, kw_only=True, tag="regression"):
    """Numbers: the columns of a source's targets.

    They are standardised on the images that are learned from, so that every column counts
    alike, and predictions are given in the targets' own units. `loss` is `l2`, the squared
    error, `l1`, the absolute error, or `huber`, which is squared up to `delta` and grows evenly
    beyond (Huber 1964); `delta`, of `huber` alone, is in standard deviations of the target, 1 if
    absent.
    """

    loss: Literal["l2", "l1", "huber"] = "l2"
    delta: Positive | None = None

    def __post_init__(self) -> None:
        """Only Huber's loss changes its form somewhere."""
        if self.delta is not None and self.loss != "huber":
            raise ValueError('`delta` belongs to `loss = "huber"`')


class MultiLabelSpec(HeadBase, frozen=True, kw_only=True, tag="multi-label"):
    """Any number of labels at once: the columns of a source's targets, each 0 or 1.

    The loss is the binary cross-entropy of each label's own sigmoid, averaged over the labels.
    """


HeadSpec = ClassificationSpec | RegressionSpec | MultiLabelSpec
