"""A step of gradient descent by Triton's kernel, against PyTorch's optimiser."""

import pytest
import torch

from featlearn.ops.sgd import Descent


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("nesterov", [False, True])
def test_steps_are_those_of_torch(momentum: float, decay: float, nesterov: bool) -> None:
    if nesterov and not momentum:
        pytest.skip("there is nothing to look ahead at")
    from featlearn.ops.triton.sgd import descend_

    draw = torch.Generator().manual_seed(0)
    start = torch.randn(5, 7, 100, generator=draw).transpose(0, 2)
    ours, velocity = start.clone(), torch.empty_like(start) if momentum else None
    theirs = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.SGD(
        [theirs], 0.1, momentum=momentum, weight_decay=decay, nesterov=nesterov
    )
    for step in range(3):
        gradient = torch.randn(start.shape, generator=draw).bfloat16()
        laid = torch.empty_like(start, dtype=torch.bfloat16).copy_(gradient)
        theirs.grad = gradient.float()
        optimizer.step()
        descend_(ours, laid, velocity, Descent(0.1, momentum, decay, nesterov), first=step == 0)
        torch.testing.assert_close(ours, theirs.detach())
    assert (ours - start).abs().max() > 0.1


def test_no_weights_are_no_trouble() -> None:
    from featlearn.ops.triton.sgd import descend_

    none = torch.empty(0)
    descend_(none, none, None, Descent(0.1), first=True)
    assert none.shape == (0,)
