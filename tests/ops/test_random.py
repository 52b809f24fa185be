"""Named generators."""

import torch

from featlearn.ops.random import generator, seeded


def test_a_name_is_a_stream() -> None:
    first = torch.rand(5, generator=generator(3, "noise", 1, 2))
    assert torch.equal(first, torch.rand(5, generator=generator(3, "noise", 1, 2)))
    for other in (generator(3, "noise", 1, 3), generator(4, "noise", 1, 2), generator(3, "noise")):
        assert not torch.equal(first, torch.rand(5, generator=other))


def test_the_global_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    torch.rand(5, generator=generator(0))
    assert torch.equal(before, torch.get_rng_state())


def test_seeding_the_global_generator_repeats_dropout_and_leaves_no_trace() -> None:
    x = torch.ones(100)
    before = torch.get_rng_state()

    def dropped(seed: int) -> torch.Tensor:
        with seeded(seed, torch.device("cpu")):
            return torch.nn.functional.dropout(x, 0.5)

    assert torch.equal(dropped(3), dropped(3))
    assert not torch.equal(dropped(3), dropped(4))
    assert torch.equal(torch.get_rng_state(), before)
