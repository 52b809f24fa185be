"""Named generators."""

import torch

from featlearn.ops.random import generator


def test_a_name_is_a_stream() -> None:
    first = torch.rand(5, generator=generator(3, "noise", 1, 2))
    assert torch.equal(first, torch.rand(5, generator=generator(3, "noise", 1, 2)))
    for other in (generator(3, "noise", 1, 3), generator(4, "noise", 1, 2), generator(3, "noise")):
        assert not torch.equal(first, torch.rand(5, generator=other))


def test_the_global_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    torch.rand(5, generator=generator(0))
    assert torch.equal(before, torch.get_rng_state())
