#!/usr/bin/env python3
"""Measure L2 pooling and LCN, forward and backward, against the same composed of `avg_pool2d`.

    python scripts/bench/pooling.py --threads 2

Ways are timed in turns, in one process; each has its input laid out as suits it.
"""

import argparse
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.bench.timing import in_turns
from featlearn.ops.lcn import lcn
from featlearn.ops.memory import keep_freed_memory
from featlearn.ops.pool import l2_pool

SIZE = 5


def main() -> None:
    """Measure both, and print how many times as fast they are."""
    parser = argparse.ArgumentParser(description="Measure L2 pooling and LCN.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    innermost = torch.randn(64, 64, 8, 128).permute(3, 2, 0, 1)
    usual = torch.randn(128, 8, 64, 64)
    ways = {
        "l2": _pass(lambda x: l2_pool(x, size=SIZE), innermost),
        "l2 composed": _pass(_composed_l2, usual),
        "lcn": _pass(lambda x: lcn(x, size=SIZE), innermost),
        "lcn composed": _pass(_composed_lcn, usual),
    }
    found = in_turns(ways, rounds=options.rounds, patience=20, device=torch.device("cpu"))
    for name in ("l2", "lcn"):
        own, other = found[name].seconds, found[f"{name} composed"].seconds
        print(f"{name}: {1e3 * own:.1f} ms, composed {1e3 * other:.1f} ms, {other / own:.1f} times")


def _pass(layer: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], object]:
    """Give one pass, forward and backward."""
    x.requires_grad_()
    slope = torch.ones_like(layer(x))
    return lambda: torch.autograd.grad(layer(x), x, slope)


def _composed_l2(x: Tensor) -> Tensor:
    return (F.avg_pool2d(x.square(), SIZE, 1) * SIZE**2 + 1e-8).sqrt()


def _composed_lcn(x: Tensor) -> Tensor:
    border = [SIZE // 2] * 4
    mass = F.avg_pool2d(F.pad(torch.ones_like(x[:1, :1]), border), SIZE, 1)
    v = x - F.avg_pool2d(F.pad(x, border), SIZE, 1) / mass
    s = F.avg_pool2d(v.square(), SIZE, 1).clamp_min(1e-30).sqrt()
    least = s.mean((1, 2, 3), keepdim=True).clamp_min(1e-4)
    inside = slice(SIZE // 2, -(SIZE // 2))
    return v[:, :, inside, inside] / torch.maximum(least, s)


if __name__ == "__main__":
    main()
