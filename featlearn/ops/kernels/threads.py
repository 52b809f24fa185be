"""The threads of torch, for work that torch does not know."""

import ctypes
import functools
from pathlib import Path
from typing import Any, NamedTuple

import torch


class OpenMP(NamedTuple):
    """Functions of the OpenMP library whose threads torch computes on, as addresses.

    Threads beside these would share the cores with threads that wait for work by turning
    round and round.
    """

    parallel: Any
    """`GOMP_parallel(function, argument, threads, flags)`."""

    thread: int
    """`omp_get_thread_num()`."""

    threads: int
    """`omp_get_num_threads()`."""


@functools.cache
def openmp() -> OpenMP | None:
    """Find the library that torch brings along; `None` where it brings none of GNU's kind."""
    folder = Path(torch.__file__).parent / "lib"
    for found in sorted(folder.glob("libgomp*.so*")):
        try:
            library = ctypes.CDLL(str(found))
            parallel, *asked = (
                getattr(library, name)
                for name in ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads")
            )
        except (OSError, AttributeError):
            continue
        parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        parallel.restype = None
        return OpenMP(parallel, *(ctypes.cast(one, ctypes.c_void_p).value or 0 for one in asked))
    return None
