"""Sparse codes of a dictionary: what minimises ½‖x − Dz‖² + λ Σ|z|.

D enters by its responses Dᵀx and by its Gram operator DᵀD, so that dense dictionaries, and those
that are laid down at many places, are coded by the same lines. A pull towards other codes,
½α‖z − c‖², is the same problem with responses Dᵀx + αc and the operator DᵀD + αI (`pulled`).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.errors import ShapeError

Operator = Callable[[Tensor], Tensor]
"""A linear map of codes to codes of the same shape, as DᵀD is."""

_LOOK = 8  # steps of coordinate descent between two looks at who is done


def shrink(z: Tensor, threshold: float, *, non_negative: bool = False) -> Tensor:
    """Draw every number towards zero by `threshold`, and to zero what it reaches.

    Args:
        z: Codes, any shape.
        threshold: At least 0, in the unit of `z`.
        non_negative: Whether codes below zero become zero.

    Returns:
        sign(z) · max(|z| − threshold, 0), or max(z − threshold, 0).
    """
    return F.relu(z - threshold) if non_negative else F.softshrink(z, threshold)


def smooth_shrinkage(x: Tensor, *, threshold: Tensor, sharpness: Tensor) -> Tensor:
    """Shrink smoothly: sign(x) · (log(exp(βb) + exp(β|x|) − 1) / β − b).

    For large β it is the soft threshold b.

    Args:
        x: Responses, any shape.
        threshold: b, in the unit of `x`; broadcast to it.
        sharpness: β, above 0, in the inverse unit; broadcast to it.

    Returns:
        A tensor of the shape of `x`, finite for every finite `x`.

    Source:
        Kavukcuoglu et al., NIPS 2010, section 2.3.
    """
    kink, size = sharpness * threshold, sharpness * x.abs()
    top = torch.maximum(torch.maximum(kink, size), torch.zeros_like(size))
    # exp(size) - 1 as it is near zero, where a difference of two large numbers would be noise.
    risen = torch.where(
        size < 1, torch.expm1(size.clamp_max(1)) * (-top).exp(), (size - top).exp() - (-top).exp()
    )
    return x.sgn() * ((((kink - top).exp() + risen).log() + top) / sharpness - threshold)


def lasso_energy(rebuilt: Tensor, z: Tensor, target: Tensor, *, weight: float) -> Tensor:
    """Compute ½‖x − Dz‖² + λ Σ|z| of each sample.

    Args:
        rebuilt: Dz, `(batch, ...)`.
        z: Codes, `(batch, ...)`.
        target: x, of the shape of `rebuilt`.
        weight: λ.

    Returns:
        `(batch,)`, in squared units of `target`.

    Raises:
        ShapeError: If `rebuilt` and `target` differ in shape.
    """
    if rebuilt.shape != target.shape:
        raise ShapeError(
            f"lasso_energy needs a reconstruction and a target of one shape; got "
            f"{tuple(rebuilt.shape)} and {tuple(target.shape)}"
        )
    errors = (target - rebuilt).square().flatten(1).sum(1)
    return errors / 2 + weight * z.abs().flatten(1).sum(1)


def pulled(
    responses: Tensor, gram: Operator, *, towards: Tensor, strength: float
) -> tuple[Tensor, Operator]:
    """Add ½α‖z − c‖² to a problem.

    Args:
        responses: Dᵀx.
        gram: DᵀD.
        towards: c, of the shape of `responses`.
        strength: α.

    Returns:
        Responses and operator of the problem with both terms; the operator's largest
        eigenvalue has grown by α.
    """
    return responses + strength * towards, lambda z: gram(z) + strength * z


@torch.no_grad()
def largest_eigenvalue(
    gram: Operator, like: Tensor, *, steps: int = 30, generator: torch.Generator
) -> float:
    """Bound the largest eigenvalue of a Gram operator, by power iteration.

    The quotient ‖Gv‖ / ‖v‖ grows towards the eigenvalue from below; 5 % are added to it.

    Args:
        gram: Linear, symmetric, without negative eigenvalues.
        like: A tensor of the shape of the codes of one sample, `(1, ...)`.
        steps: Products with the operator.
        generator: Source of the first vector, on the device of `like`.

    Returns:
        The bound; 0 for an operator that gives zeros.

    Source:
        Golub & Van Loan, Matrix Computations, section 8.2.
    """
    vector = torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)
    size = 0.0
    for _ in range(steps):
        length = float(torch.linalg.vector_norm(vector))
        if length == 0:
            return 0.0
        vector = gram(vector / length)
        size = float(torch.linalg.vector_norm(vector))
    return 1.05 * size


def fista(
    responses: Tensor,
    gram: Operator,
    *,
    weight: float,
    bound: float,
    steps: int,
    start: Tensor | None = None,
    non_negative: bool = False,
) -> Tensor:
    """Code by FISTA: gradient steps with momentum, each followed by shrinkage.

    The momentum of a sample starts anew wherever it points uphill, so that no energy swings.

    Args:
        responses: Dᵀx, `(batch, ...)`, of the shape of the codes.
        gram: z to DᵀDz.
        weight: λ, at least 0.
        bound: At least the largest eigenvalue of `gram`; the step is its inverse. With 0, as
            of a dictionary of zeros, the codes are zero.
        steps: Products with the operator.
        start: Codes to begin with; zeros if absent.
        non_negative: Whether codes below zero are not allowed.

    Returns:
        Codes of the shape of `responses`, differentiable by autograd through every step.

    Source:
        Beck & Teboulle, SIAM J. Imaging Sciences 2009, FISTA with constant step size; the
        restart is the gradient scheme of O'Donoghue & Candès, Found. Comput. Math. 2015.
    """
    z = torch.zeros_like(responses) if start is None else start
    if bound <= 0:
        return torch.zeros_like(responses)
    y, t = z, responses.new_ones((len(responses), *[1] * (responses.ndim - 1)))
    for _ in range(steps):
        lower = torch.add(y, gram(y) - responses, alpha=-1 / bound)
        after = shrink(lower, weight / bound, non_negative=non_negative)
        moved = after - z
        uphill = torch.linalg.vecdot((y - after).flatten(1), moved.flatten(1)) > 0
        t = torch.where(uphill.view(t.shape), 1.0, t)
        grown = (1 + (1 + 4 * t.square()).sqrt()) / 2
        y = torch.addcmul(after, (t - 1) / grown, moved)
        z, t = after, grown
    return z


@torch.no_grad()
def coordinate_descent(
    responses: Tensor,
    gram: Tensor,
    *,
    weight: float,
    steps: int,
    tolerance: float = 1e-3,
    non_negative: bool = False,
) -> Tensor:
    """Code by coordinate descent: in each step the coefficient of a sample that moves farthest.

    Few steps reach a code with few coefficients. A sample is done when no coefficient would
    move by more than `tolerance`.

    Args:
        responses: Dᵀx, `(batch, units)`.
        gram: DᵀD, `(units, units)`; a unit whose column is zero gets no code.
        weight: λ, at least 0.
        steps: Coefficients that are changed at most, in each sample.
        tolerance: In the unit of the codes.
        non_negative: Whether codes below zero are not allowed.

    Returns:
        Codes `(batch, units)`, without a gradient.

    Raises:
        ShapeError: If `gram` is not square, or of another number of units.

    Source:
        Li & Osher, Inverse Problems and Imaging 2009, greedy coordinate descent.
    """
    units = responses.shape[-1]
    if responses.ndim != 2 or gram.shape != (units, units):
        raise ShapeError(
            "coordinate_descent needs responses (batch, units) and a Gram matrix (units, units); "
            f"got {tuple(responses.shape)} and {tuple(gram.shape)}"
        )
    squares = gram.diagonal()
    inverse = torch.where(squares > 0, 1 / squares, 0.0)
    others = gram - torch.diag(squares)
    found = torch.zeros_like(responses)
    rows = torch.arange(len(responses), device=responses.device)
    left, codes = responses.clone(), torch.zeros_like(responses)
    for step in range(steps):
        wanted = shrink(left, weight, non_negative=non_negative).mul_(inverse)
        place = (wanted - codes).abs_().argmax(1, keepdim=True)
        value = wanted.gather(1, place)
        change = value - codes.gather(1, place)
        codes.scatter_(1, place, value)
        left.addcmul_(others[place[:, 0]], change, value=-1)
        if step % _LOOK == _LOOK - 1:
            going = change[:, 0].abs() > tolerance
            # Most rows are done early: those that are not go on without them.
            if going.sum() * 4 <= 3 * len(rows):
                found[rows] = codes
                rows, left, codes = rows[going], left[going], codes[going]
                if not len(rows):
                    return found
    found[rows] = codes
    return found
