"""Pasting: what is seen of a patch, what is told by its mask, and what scrambling keeps."""

import math

import pytest
import torch
from torch import Tensor

from featlearn.datasets.pasting import (
    Jitter,
    ellipse,
    paste,
    scrambled_phases,
    shuffled_blocks,
)
from featlearn.errors import ShapeError

STILL = Jitter(0.0, 0.0, (1.0, 1.0))
MOVING = Jitter(0.2, 15.0, (0.8, 1.25))


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def pasted(patches: Tensor, grounds: Tensor, jitter: Jitter, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return paste(patches, grounds, side=20, jitter=jitter, generator=generator)


def test_the_mask_is_an_ellipse_that_fades() -> None:
    mask = ellipse(20, 10)
    assert mask[9:11, 4:6].min() == 1
    assert mask[0, 0] == mask[19, 9] == 0
    # The area of an ellipse of these axes, less half of the edge that fades.
    area = math.pi * 9.5 * 4.5 * (1 - 0.12 + 0.12**2 / 3)
    assert float(mask.sum()) == pytest.approx(area, rel=0.02)
    torch.testing.assert_close(mask, mask.flip(0, 1))


def test_outside_of_the_mask_nothing_changes() -> None:
    grounds = 0.25 + 0.5 * random(5, 1, 32, 32)
    out = pasted(random(5, 1, 20, 20, seed=1), grounds, STILL)
    outside = torch.ones(32, 32, dtype=torch.bool)
    outside[6:26, 6:26] = ellipse(20, 20) == 0
    torch.testing.assert_close(out[:, 0, outside], grounds[:, 0, outside], atol=1e-5, rtol=0)
    assert (out != grounds)[:, 0, 12:20, 12:20].all()


def test_under_the_mask_mean_and_deviation_are_the_grounds() -> None:
    grounds = 0.4 + 0.2 * random(5, 1, 32, 32)
    patches = random(5, 1, 20, 20, seed=1)
    out = pasted(patches, grounds, STILL)
    # Where the mask is 1 everywhere the pasted pixels are the patch, scaled and shifted.
    core = torch.zeros(32, 32, dtype=torch.bool)
    core[6:26, 6:26] = ellipse(20, 20) == 1
    inner = torch.zeros(20, 20, dtype=torch.bool)
    inner[ellipse(20, 20) == 1] = True
    for place in range(5):
        ours, theirs = out[place, 0, core], patches[place, 0, inner]
        assert torch.corrcoef(torch.stack([ours, theirs]))[0, 1] > 0.999
        assert float(ours.mean()) == pytest.approx(float(grounds[place, 0, core].mean()), abs=0.01)
        assert float(ours.std()) == pytest.approx(float(grounds[place, 0, core].std()), rel=0.1)


def test_a_ground_without_contrast_hides_the_patch() -> None:
    grounds = torch.full((2, 1, 32, 32), 0.5)
    out = pasted(random(2, 1, 20, 20), grounds, MOVING)
    torch.testing.assert_close(out, grounds)
    flat = pasted(torch.full((2, 1, 20, 20), 0.3), random(2, 1, 32, 32), STILL)
    assert torch.isfinite(flat).all()


def test_jitter_moves_turns_and_scales_within_its_bounds() -> None:
    # A patch of one bright dot in its middle, on a ground of faint noise.
    patch = torch.zeros(400, 1, 20, 20)
    patch[:, :, 9:11, 9:11] = 1
    grounds = 0.5 + 0.02 * (random(400, 1, 32, 32) - 0.5)
    out = pasted(patch, grounds, Jitter(0.2, 0.0, (1.0, 1.0)))
    peak = out.flatten(1).argmax(1)
    rows, columns = peak // 32 - 15.5, peak % 32 - 15.5
    for moved in (rows, columns):
        assert float(moved.abs().max()) <= 0.2 * 32 + 1
        assert float(moved.min()) < -5
        assert float(moved.max()) > 5
    assert torch.equal(out, pasted(patch, grounds, Jitter(0.2, 0.0, (1.0, 1.0))))
    assert not torch.equal(out, pasted(patch, grounds, Jitter(0.2, 0.0, (1.0, 1.0)), seed=1))


def test_there_is_a_patch_for_each_image() -> None:
    with pytest.raises(ShapeError, match="a patch for each of 3 images; got 2"):
        pasted(random(2, 1, 20, 20), random(3, 1, 32, 32), STILL)


def test_shuffled_blocks_are_the_same_blocks() -> None:
    patches = random(3, 2, 20, 20)
    out = shuffled_blocks(patches, blocks=4, generator=torch.Generator().manual_seed(3))

    def blocks(patch: Tensor) -> list[list[float]]:
        return sorted(
            patch[:, r : r + 5, c : c + 5].flatten().tolist()
            for r in range(0, 20, 5)
            for c in range(0, 20, 5)
        )

    for before, after in zip(patches, out, strict=True):
        assert blocks(before) == blocks(after)
        assert not torch.equal(before, after)
    with pytest.raises(ShapeError, match="20 pixels cannot be cut into 3 equal blocks"):
        shuffled_blocks(patches, blocks=3, generator=torch.Generator())


def test_scrambled_phases_keep_the_amplitudes() -> None:
    patches = random(3, 1, 20, 18)
    out = scrambled_phases(patches, generator=torch.Generator().manual_seed(3))
    spectra = [torch.fft.fft2(x - x.mean((2, 3), keepdim=True)).abs() for x in (patches, out)]
    torch.testing.assert_close(spectra[0], spectra[1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(out.mean((2, 3)), patches.mean((2, 3)))
    for before, after in zip(patches, out, strict=True):
        pair = torch.stack([before.flatten(), after.flatten()])
        assert abs(float(torch.corrcoef(pair)[0, 1])) < 0.3
