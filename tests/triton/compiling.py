"""Compiles every kernel for devices that need not be here; run by its test, without interpreter."""

import importlib
import inspect
import itertools
import json
import re
import sys
from typing import Any

from featlearn.ops.kernels.geometry import Local
from featlearn.ops.triton import tiles, window_tiles

STAGE = Local(256, 30, 40, 8, 8, 18, 18, 1)  # as the second of `catnet-2012`, but smaller
SMALL = Local(9, 7, 8, 3, 5, 3, 2, 2)
NARROW = Local(64, 32, 11, 1, 16, 12, 4, 4)  # a tile of planes one number wide


def local_calls(sizes: Local, itemsize: int) -> list[tuple[str, tuple[int, ...], int]]:
    """Give modules, constants after the batch, and warps, of the three products."""
    forward, gradient = tiles.forward_tile(sizes, itemsize), tiles.gradient_tile(sizes, itemsize)
    back = tiles.transpose_tile(sizes, itemsize)
    base = (*sizes[2:], sizes.rows, sizes.columns)
    even, last = tiles.even_part(sizes, back), back.spread - 1
    row = (
        *(tiles.reaching_rows(sizes, back.down), tiles.reaching_columns(sizes, back, last)),
        *(back.down, *back[3:6], even, back.spread, last, tiles.before(sizes, even, last)),
    )
    return [
        (
            "local_forward._kernel",
            (*base, *forward[:6], tiles.even_run(sizes, forward), True),
            forward.warps,
        ),
        ("local_transpose._kernel", (sizes.height, *base, *row), back.warps),
        (
            "local_gradient._kernel",
            (*base, *gradient[:6], tiles.even_run(sizes, gradient)),
            gradient.warps,
        ),
    ]


def window_calls() -> list[tuple[str, tuple[int, ...], int]]:
    """Give modules and constants of the sums over windows."""
    down, right, abreast, _ = window_tiles.tile(36, 26, 2048)
    base = (40, 30, 36, 26, 1, 0, 0, 5)
    reach = window_tiles.reaching(5, 1, down)
    return [
        ("window_sum._sum_kernel", (*base, down, right, abreast, True, True, True), 4),
        ("window_sum._spread_kernel", (*base, reach, down, right, abreast, True, True), 4),
    ]


def contrast_calls() -> list[tuple[str, tuple[int, ...], int]]:
    """Give those of the division by deviations, which is taken in single precision alone."""
    return [
        ("contrast._quotient_kernel", (8, 16, 64), 4),
        ("contrast._slopes_kernel", (8, 16, 64, 16), 4),
    ]


def compiled(call: tuple[str, tuple[int, ...], int], number: str, capability: int) -> Any:
    """Compile one kernel down to the device's code."""
    triton = importlib.import_module("triton")
    compiler = importlib.import_module("triton.compiler")
    target = importlib.import_module("triton.backends.compiler").GPUTarget
    (module, name), constants, warps = call[0].split("."), call[1], call[2]
    kernel = getattr(importlib.import_module(f"featlearn.ops.triton.{module}"), name)
    names = list(inspect.signature(kernel.fn).parameters)
    scalars = {"batch": "i32", "planes": "i32", "lines": "i32"}
    scalars |= dict.fromkeys(("line", "row_factors", "column_factors"), "*fp32")
    kinds = {n: "constexpr" if n.isupper() else scalars.get(n, f"*{number}") for n in names}
    places = [i for i, n in enumerate(names) if n.isupper()]
    fixed = {(i,): value for i, value in zip(places, constants, strict=True)}
    # Memory begins at multiples of 16 bytes, and batches of 16 let it be moved so.
    even = {(i,): [["tt.divisibility", 16]] for i, n in enumerate(names) if not n.isupper()}
    source = compiler.ASTSource(fn=kernel, signature=kinds, constexprs=fixed, attrs=even)
    return triton.compile(
        source, target=target("cuda", capability, 32), options={"num_warps": warps}
    )


def main() -> None:
    """Print what was compiled: kernel, numbers, capability, memory, kinds of products."""
    for number, capability in itertools.product(("bf16", "fp16", "fp32"), (80, 90)):
        itemsize = 4 if number == "fp32" else 2
        local = [call for sizes in (STAGE, SMALL, NARROW) for call in local_calls(sizes, itemsize)]
        contrast = contrast_calls() if number == "fp32" else []
        for call in [*local, *window_calls(), *contrast]:
            found = compiled(call, number, capability)
            code = found.asm["ptx"]
            said = {
                "kernel": call[0],
                "number": number,
                "capability": capability,
                "shared": found.metadata.shared,
                "tensor_cores": "mma.sync" in code or "wgmma" in code,
                "atomics": re.search(r"\b(atom|red)\.", code) is not None,
            }
            sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
