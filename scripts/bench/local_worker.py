"""A process of its own for each way to compute the layer, so that none disturbs another.

Libraries keep threads that look for work a while after it is done, and memory in gigabytes. A
process that waits for its turn does not compute, gives back what it held before it begins with
another pass, and takes no other along when the system kills it for its memory.
"""

import contextlib
import ctypes
import gc
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch

sys.path.insert(0, str(Path(__file__).parent))

from local_peers import Pass, peer
from local_shapes import Shape, operands

from featlearn.bench.machine import PRECISIONS
from featlearn.bench.timing import timed
from featlearn.ops.local import local2d, local_transpose2d
from featlearn.ops.memory import keep_freed_memory

OWN = "featlearn"
_TURN = 0.1  # seconds


class Refused(Exception):
    """A way cannot do a pass, and says why.

    Attributes:
        name: The way.
    """

    def __init__(self, name: str, why: str) -> None:
        """Keep what is said of which way."""
        super().__init__(why)
        self.name = name


class Worker:
    """The process of one way."""

    def __init__(self, name: str, *, threads: int, device: str) -> None:
        """Start it; it waits until it is given work."""
        self._name = name
        self._command = [sys.executable, __file__, name, str(threads), device]
        self._process = self._started()

    def prepare(self, shape: Shape, dtype: str, kind: Pass) -> float | None:
        """Set a pass up, take a turn, and give its seconds; `None` if the way has no such pass.

        Raises:
            Refused: If it fails.
        """
        if self._process.poll() is not None:
            self._process = self._started()
        return self._ask({"shape": shape._asdict(), "dtype": dtype, "kind": kind})

    def run(self) -> float:
        """Take another turn, and give the median of the seconds of its passes."""
        return self._ask({}) or 0.0

    def end(self) -> None:
        """End the process, with all that it holds."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()

    def _started(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if self._name == OWN else subprocess.DEVNULL,
            text=True,
        )

    def _ask(self, order: dict[str, Any]) -> float | None:
        given, answers = self._process.stdin, self._process.stdout
        assert given is not None
        assert answers is not None
        try:
            print(json.dumps(order), file=given, flush=True)
            line = answers.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise Refused(self._name, f"its process ended with {self._process.wait()}")
        answer = json.loads(line)
        if "refused" in answer:
            raise Refused(self._name, answer["refused"])
        return answer["seconds"]


def layer(
    shape: Shape, precision: torch.dtype, kind: Pass, device: torch.device
) -> Callable[[], object]:
    """Give one pass of this layer."""
    x, weight, slope = operands(shape, precision, device)
    size = (shape.height, shape.height)
    if kind == "transpose":
        return torch.no_grad()(
            lambda: local_transpose2d(slope, weight, size=size, stride=shape.stride)
        )
    if kind == "forward":
        return torch.no_grad()(lambda: local2d(x, weight, stride=shape.stride))
    x.requires_grad_()
    weight.requires_grad_()
    return lambda: torch.autograd.grad(local2d(x, weight, stride=shape.stride), [x, weight], slope)


def _work(name: str, device: torch.device, answers: IO[str]) -> None:
    """Do what is asked for, line by line."""
    way: Callable[[], object] | None = None
    for line in sys.stdin:
        order = json.loads(line)
        try:
            if order:
                way = None
                give_back()
                shape = Shape(**order["shape"])
                precision, kind = PRECISIONS[order["dtype"]], order["kind"]
                own = name == OWN
                way = (layer if own else _peer(name))(shape, precision, kind, device)
            answer: dict[str, Any] = {"seconds": None if way is None else _turn(way, device)}
        except Exception as error:  # noqa: BLE001 - a peer may refuse in any way it likes
            way = None
            text = (str(error).splitlines() or [""])[0][:120]
            answer = {"refused": f"{type(error).__name__}: {text}"}
        print(json.dumps(answer), file=answers, flush=True)


def give_back() -> None:
    """Give back memory that is no longer needed, which would count with this process else."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # other C libraries have no such word
        ctypes.CDLL(None).malloc_trim(0)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _turn(way: Callable[[], object], device: torch.device) -> float:
    """Run a pass for a tenth of a second, at least once, and give the median of its times.

    As in a training, threads are then awake, and caches hold what the pass before left.
    """
    taken = [timed(way, device)]
    while sum(taken) < _TURN:
        taken.append(timed(way, device))
    return statistics.median(taken)


def _peer(name: str) -> Callable[..., Callable[[], object] | None]:
    return lambda *given: peer(name, *given)


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[2]))
    keep_freed_memory()
    own_answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print
    _work(sys.argv[1], torch.device(sys.argv[3]), own_answers)
