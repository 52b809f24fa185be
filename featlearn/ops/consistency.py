"""What answers to unlabelled images can be asked to agree with."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.errors import ShapeError

_LEAST = 0.01


def ramp_up(done: float, *, wait: float, ramp: float) -> float:
    """Give the share of its weight that an unsupervised loss has at some point of training.

    Args:
        done: Share of the steps that are done, in [0, 1].
        wait: Share of the steps before the loss counts.
        ramp: Share of the steps over which it rises then; 0 for all at once.

    Returns:
        0 before `wait`, then exp(-5 (1 - t)²) with t from 0 to 1, and 1 after.

    Source:
        Laine & Aila, ICLR 2017, section 2.1.
    """
    if done < wait:
        return 0.0
    if done >= wait + ramp:
        return 1.0
    return math.exp(-5 * (1 - (done - wait) / ramp) ** 2)


def squared_difference(logits: Tensor, others: Tensor) -> Tensor:
    """Compare two answers: the mean of (p - q)² over images and classes, a scalar.

    Args:
        logits: `(batch, classes)`.
        others: The same of another answer.

    Raises:
        ShapeError: If the shapes differ.

    Source:
        Laine & Aila, ICLR 2017, algorithm 1; p and q are softmax probabilities.
    """
    if logits.shape != others.shape:
        raise ShapeError(
            f"two answers have one shape; got {tuple(logits.shape)} and {tuple(others.shape)}"
        )
    return F.mse_loss(logits.softmax(1), others.softmax(1))


def chosen_cross_entropy(logits: Tensor, probabilities: Tensor, *, threshold: float) -> Tensor:
    """Compute the cross-entropy with the likeliest classes of another answer, where clear.

    Args:
        logits: `(batch, classes)`, of the answer that learns.
        probabilities: `(batch, classes)`, of the answer that teaches; it gets no gradient.
        threshold: Images whose likeliest class has less count 0.

    Returns:
        The mean over the whole batch, a scalar.

    Source:
        Sohn et al., NeurIPS 2020, equation 4; without a threshold Lee, ICML workshop 2013.
    """
    sure, classes = probabilities.detach().max(1)
    losses = F.cross_entropy(logits, classes, reduction="none")
    return (losses * (sure >= threshold)).mean()


def aligned(probabilities: Tensor, *, mean: Tensor, share: Tensor) -> Tensor:
    """Bring the classes of answers to the shares that they are known to have.

    Args:
        probabilities: `(batch, classes)`.
        mean: `(classes,)`, the running mean of such answers.
        share: `(classes,)`, how much of each class there is.

    Returns:
        Probabilities, `(batch, classes)`: p · share / mean, divided by its sum.

    Source:
        Berthelot et al., ICLR 2020, section 3.1.
    """
    scaled = probabilities * (share / mean.clamp_min(torch.finfo(mean.dtype).eps))
    return scaled / scaled.sum(1, keepdim=True)


def pooled_opinions(probabilities: Tensor, others: Tensor, *, weight: float) -> Tensor:
    """Pool two answers to one: the product of their probabilities, one of them weighed.

    Args:
        probabilities: `(batch, classes)`, p.
        others: The same of another answer, q; no class has less than 0.01 of it, so that it
            does not rule one out alone.
        weight: How much q counts against p.

    Returns:
        Probabilities, `(batch, classes)`: p · q^weight, divided by its sum.

    Raises:
        ShapeError: If the shapes differ.

    Source:
        The logarithmic opinion pool; Genest & Zidek, Statistical Science 1986, section 3.2.
    """
    if probabilities.shape != others.shape:
        raise ShapeError(
            f"two answers have one shape; got {tuple(probabilities.shape)} and "
            f"{tuple(others.shape)}"
        )
    return (probabilities.log() + weight * others.clamp_min(_LEAST).log()).softmax(1)


def divergence(logits: Tensor, others: Tensor) -> Tensor:
    """Compute the mean Kullback-Leibler divergence of `others` from `logits`, in nats.

    Args:
        logits: `(batch, classes)`, the answer p.
        others: The same, the answer q of Σ p log(p / q).
    """
    own = F.log_softmax(logits, 1)
    return F.kl_div(F.log_softmax(others, 1), own, reduction="batchmean", log_target=True)


def entropy(logits: Tensor) -> Tensor:
    """Compute the mean entropy of answers, in nats; `logits` are `(batch, classes)`."""
    logs = F.log_softmax(logits, 1)
    return -(logs.exp() * logs).sum(1).mean()


def worst_direction(
    answer: Callable[[Tensor], Tensor],
    x: Tensor,
    logits: Tensor,
    *,
    probe: float,
    iterations: int,
    generator: torch.Generator,
) -> Tensor:
    """Find the direction in which an answer changes most, for each image.

    Args:
        answer: Gives logits `(batch, classes)` of images.
        x: Images, `(batch, maps, height, width)`.
        logits: `answer(x)`; they get no gradient.
        probe: Distance at which the change is looked at, in the unit of `x`.
        iterations: Of the power method.
        generator: Draws the first direction.

    Returns:
        Unit vectors of the shape of `x`; where the answer does not change at all, the last
        direction that was tried.

    Source:
        Miyato et al., PAMI 2018, algorithm 1: the gradient of the divergence at `probe` · d is
        its Hessian times d, up to a factor.
    """
    logits = logits.detach()
    noise = torch.randn(x.shape, generator=generator, device=generator.device)
    direction = _unit(noise.to(x))
    for _ in range(iterations):
        direction = direction.requires_grad_()
        with torch.enable_grad():
            change = divergence(logits, answer(x + probe * direction).float())
        (found,) = torch.autograd.grad(change, direction)
        direction = direction.detach()
        moved = found.flatten(1).any(1).view(-1, 1, 1, 1)
        direction = torch.where(moved, _unit(found), direction)
    return direction


def _unit(x: Tensor) -> Tensor:
    """Scale each image to length 1; zeros stay."""
    # By the greatest number first: squares of small gradients would vanish.
    x = x / x.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
    return x / x.flatten(1).norm(dim=1).clamp_min(torch.finfo(x.dtype).tiny).view(-1, 1, 1, 1)
