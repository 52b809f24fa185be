"""Codes against scikit-learn's Lasso, a loop, optimality conditions, differences, and misuse."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import Lasso
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.ops.sparse_codes import (
    coordinate_descent,
    fista,
    largest_eigenvalue,
    lasso_energy,
    pulled,
    shrink,
    smooth_shrinkage,
)

INPUTS, UNITS, SAMPLES = 12, 30, 7
Way = Callable[..., Tensor]


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dictionary() -> Tensor:
    """Atoms as rows, of different lengths."""
    atoms = torch.randn(UNITS, INPUTS, generator=draw(), dtype=torch.float64)
    lengths = 0.5 + torch.rand(UNITS, 1, generator=draw(1), dtype=torch.float64)
    return lengths * atoms / torch.linalg.vector_norm(atoms, dim=1, keepdim=True)


def samples() -> Tensor:
    return 2 * torch.randn(SAMPLES, INPUTS, generator=draw(2), dtype=torch.float64)


def by_fista(
    atoms: Tensor, x: Tensor, *, weight: float, steps: int = 2000, non_negative: bool = False
) -> Tensor:
    gram = atoms @ atoms.T
    bound = float(torch.linalg.eigvalsh(gram)[-1])
    return fista(
        x @ atoms.T,
        lambda z: z @ gram,
        weight=weight,
        bound=bound,
        steps=steps,
        non_negative=non_negative,
    )


def by_descent(atoms: Tensor, x: Tensor, *, weight: float, **own: bool) -> Tensor:
    return coordinate_descent(
        x @ atoms.T, atoms @ atoms.T, weight=weight, steps=20_000, tolerance=1e-7, **own
    )


def by_lasso(atoms: Tensor, x: Tensor, *, weight: float, non_negative: bool = False) -> Tensor:
    """Let scikit-learn find the codes: its loss is ours divided by the number of inputs."""
    solver = Lasso(
        alpha=weight / atoms.shape[1],
        fit_intercept=False,
        positive=non_negative,
        tol=1e-12,
        max_iter=100_000,
    )
    columns: NDArray[np.float64] = atoms.T.numpy()
    return torch.stack([torch.from_numpy(solver.fit(columns, row).coef_) for row in x.numpy()])


@pytest.mark.parametrize("non_negative", [False, True])
@pytest.mark.parametrize("weight", [0.2, 0.5, 3.0])
@pytest.mark.parametrize("way", [by_fista, by_descent])
def test_the_energy_is_that_of_the_lasso(way: Way, weight: float, non_negative: bool) -> None:
    atoms, x = dictionary(), samples()
    codes = way(atoms, x, weight=weight, non_negative=non_negative)
    wanted = by_lasso(atoms, x, weight=weight, non_negative=non_negative)
    energies = [lasso_energy(z @ atoms, z, x, weight=weight) for z in (codes, wanted)]
    torch.testing.assert_close(energies[0], energies[1], rtol=1e-5, atol=1e-9)
    assert not non_negative or (codes >= 0).all()


@pytest.mark.parametrize("way", [by_fista, by_descent])
def test_zero_lies_in_the_subgradient(way: Way) -> None:
    atoms, x = dictionary(), samples()
    codes = way(atoms, x, weight=0.5)
    slope = (x - codes @ atoms) @ atoms.T
    assert (slope.abs() <= 0.5 + 1e-6).all()
    used = codes != 0
    torch.testing.assert_close(slope[used], 0.5 * codes[used].sign(), atol=1e-6, rtol=0)
    assert used.any()
    assert not used.all()


def test_fista_takes_the_steps_of_the_paper_with_restarts() -> None:
    atoms, x, weight, steps = dictionary().numpy(), samples().numpy(), 0.3, 40
    bound = float(np.linalg.eigvalsh(atoms @ atoms.T)[-1])
    for row, got in zip(x, by_fista(dictionary(), samples(), weight=0.3, steps=steps), strict=True):
        z, y, t = np.zeros(UNITS), np.zeros(UNITS), 1.0
        for _ in range(steps):
            lower = y - atoms @ (atoms.T @ y - row) / bound
            after = np.sign(lower) * np.maximum(np.abs(lower) - weight / bound, 0)
            if (y - after) @ (after - z) > 0:
                t = 1.0
            grown = (1 + math.sqrt(1 + 4 * t * t)) / 2
            z, y, t = after, after + (t - 1) / grown * (after - z), grown
        np.testing.assert_allclose(got.numpy(), z, atol=1e-12)


def test_coordinate_descent_moves_what_moves_farthest() -> None:
    atoms, x = dictionary(), samples()
    for steps in (1, 2, 9, 20):
        found = coordinate_descent(
            x @ atoms.T, atoms @ atoms.T, weight=0.3, steps=steps, tolerance=1e-9
        )
        for row, got in zip(x.numpy(), found.numpy(), strict=True):
            z, columns = np.zeros(UNITS), atoms.numpy()
            for _ in range(steps):
                rest = row - z @ columns
                alone = columns @ rest + (columns**2).sum(1) * z
                best = np.sign(alone) * np.maximum(np.abs(alone) - 0.3, 0)
                best /= (columns**2).sum(1)
                unit = int(np.abs(best - z).argmax())
                z[unit] = best[unit]
            np.testing.assert_allclose(got, z, atol=1e-10)


def test_a_start_at_the_code_stays_there() -> None:
    atoms, x = dictionary(), samples()
    codes = by_lasso(atoms, x, weight=0.5)
    gram = atoms @ atoms.T
    bound = float(torch.linalg.eigvalsh(gram)[-1])
    again = fista(x @ atoms.T, lambda z: z @ gram, weight=0.5, bound=bound, steps=3, start=codes)
    torch.testing.assert_close(again, codes, atol=1e-8, rtol=0)


def test_a_pull_is_a_dictionary_with_more_inputs() -> None:
    atoms, x = dictionary(), samples()
    towards = torch.randn(SAMPLES, UNITS, generator=draw(3), dtype=torch.float64)
    gram = atoms @ atoms.T
    responses, operator = pulled(x @ atoms.T, lambda z: z @ gram, towards=towards, strength=0.7)
    bound = float(torch.linalg.eigvalsh(gram)[-1]) + 0.7
    codes = fista(responses, operator, weight=0.4, bound=bound, steps=500)
    more = torch.cat([atoms, math.sqrt(0.7) * torch.eye(UNITS, dtype=torch.float64)], 1)
    wanted = by_lasso(more, torch.cat([x, math.sqrt(0.7) * towards], 1), weight=0.4)
    torch.testing.assert_close(codes, wanted, atol=1e-6, rtol=0)


def test_the_gradient_flows_through_the_steps() -> None:
    atoms = dictionary()[:6].requires_grad_()
    x = samples()[:2].requires_grad_()

    def codes(atoms: Tensor, x: Tensor) -> Tensor:
        gram = atoms @ atoms.T
        return fista(x @ atoms.T, lambda z: z @ gram, weight=0.2, bound=4.0, steps=6)

    assert torch.autograd.gradcheck(codes, (atoms, x))


def test_the_largest_eigenvalue_is_bounded_closely() -> None:
    gram = dictionary() @ dictionary().T
    wanted = float(torch.linalg.eigvalsh(gram)[-1])
    like = torch.zeros(1, UNITS, dtype=torch.float64)
    found = largest_eigenvalue(lambda z: z @ gram, like, generator=draw())
    assert wanted <= found <= 1.06 * wanted
    assert largest_eigenvalue(torch.zeros_like, like, generator=draw()) == 0


def test_what_has_no_atoms_has_no_codes() -> None:
    responses = torch.zeros(3, 5)
    nothing = fista(responses, torch.zeros_like, weight=0.1, bound=0.0, steps=5)
    assert not nothing.any()
    gram = torch.diag(torch.tensor([1.0, 0.0, 1.0]))
    codes = coordinate_descent(
        torch.tensor([[2.0, 0.0, -3.0]]), gram, weight=0.5, steps=20, tolerance=1e-6
    )
    torch.testing.assert_close(codes, torch.tensor([[1.5, 0.0, -2.5]]))


@pytest.mark.parametrize("way", [by_fista, by_descent])
def test_an_empty_batch_has_codes(way: Way) -> None:
    assert way(dictionary(), samples()[:0], weight=0.5).shape == (0, UNITS)


def test_a_price_above_every_response_leaves_zero() -> None:
    atoms, x = dictionary(), samples()
    weight = float((x @ atoms.T).abs().max())
    assert not by_fista(atoms, x, weight=weight, steps=20).any()
    assert not by_descent(atoms, x, weight=weight).any()


def test_shrinking() -> None:
    z = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0])
    torch.testing.assert_close(shrink(z, 0.5), torch.tensor([-1.5, 0, 0, 0, 1.5]))
    torch.testing.assert_close(shrink(z, 0.5, non_negative=True), torch.tensor([0, 0, 0, 0, 1.5]))


def test_smooth_shrinkage_is_the_formula_and_a_soft_threshold_in_the_limit() -> None:
    x = torch.linspace(-3, 3, 61, dtype=torch.float64)
    one = torch.ones((), dtype=torch.float64)
    for b, beta in ((0.3, 4.0), (1.0, 0.5), (-0.2, 3.0)):
        size = np.abs(x.numpy())
        inner = np.log(np.exp(beta * b) + np.exp(beta * size) - 1) / beta - b
        found = smooth_shrinkage(x, threshold=b * one, sharpness=beta * one)
        np.testing.assert_allclose(found.numpy(), np.sign(x.numpy()) * inner, atol=1e-12)
    sharp = smooth_shrinkage(x, threshold=0.5 * one, sharpness=1e4 * one)
    torch.testing.assert_close(sharp, shrink(x, 0.5), atol=2e-4, rtol=0)


def test_smooth_shrinkage_is_finite_far_out_and_has_a_gradient() -> None:
    x = torch.tensor([-1e4, -1.0, -1e-9, 0.0, 1e-9, 1.0, 1e4], dtype=torch.float64)
    b = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    beta = torch.tensor(200.0, dtype=torch.float64, requires_grad=True)
    found = smooth_shrinkage(x.requires_grad_(), threshold=b, sharpness=beta)
    torch.testing.assert_close(found.detach()[-1], torch.tensor(1e4 - 0.5, dtype=torch.float64))
    found.sum().backward()
    for tensor in (x, b, beta):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()
    moderate = torch.tensor([-1.3, -0.2, 0.4, 2.0], dtype=torch.float64, requires_grad=True)
    b, beta = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.5, 3.0))

    def curve(x: Tensor, b: Tensor, beta: Tensor) -> Tensor:
        return smooth_shrinkage(x, threshold=b, sharpness=beta)

    assert torch.autograd.gradcheck(curve, (moderate, b, beta))


def test_misuse_names_the_shapes() -> None:
    with pytest.raises(ShapeError, match=r"one shape; got \(2, 3\) and \(2, 4\)"):
        lasso_energy(torch.ones(2, 3), torch.ones(2, 5), torch.ones(2, 4), weight=0.1)
    with pytest.raises(ShapeError, match=r"got \(2, 3\) and \(4, 4\)"):
        coordinate_descent(torch.ones(2, 3), torch.eye(4), weight=0.1, steps=3)
