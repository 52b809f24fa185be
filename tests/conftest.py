"""What the tests share: where data and Chromium are, threads, and the pages that they run."""

import contextlib
import io
import os
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from featlearn.config.recipe import Recipe

# Small shapes are fastest, and sums the same on every machine, on one thread. Said before
# torch is loaded, and so also to the commands that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_BLOCK = re.compile(r"```python\n(?P<code>.*?)```(?:\n+```text\n(?P<quoted>.*?)```)?", re.DOTALL)
_NEXT_SENTENCE = re.compile(r"[.!?] +[A-Z]")
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


class Outcome(NamedTuple):
    """What became of a call: what it gave, or how it was refused."""

    content: object
    refusal: str | None


class Block(NamedTuple):
    """A block of Python in a page, run.

    Attributes:
        line: Where its code begins in the page.
        printed: What it printed.
        quoted: What the page says that it prints; `None` where it does not say.
    """

    line: int
    printed: str
    quoted: str | None

    def check(self) -> None:
        """Compare what was printed with what is quoted.

        Numbers with a point may differ by a quarter, or by 0.03, as they do from one machine
        to another; all else may not.
        """
        quoted = self.quoted or ""
        assert _NUMBER.sub("#", self.printed).split() == _NUMBER.sub("#", quoted).split(), self
        for ours, said in zip(_NUMBER.findall(self.printed), _NUMBER.findall(quoted), strict=True):
            assert float(ours) == pytest.approx(float(said), rel=0.25, abs=0.03), self


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files that hold slow tests first, so that none keeps one core busy at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow") is not None}
    items.sort(key=lambda item: item.path not in slow)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine cannot run, with the reason."""
    for marker in item.iter_markers("data"):
        _find_data(*marker.args)
    if item.get_closest_marker("gpu") is not None:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device")


@pytest.fixture
def data_root(request: pytest.FixtureRequest) -> Path:
    """Give the data root; the sets in `@pytest.mark.data("mnist", …)` are there."""
    names = [name for marker in request.node.iter_markers("data") for name in marker.args]
    return _find_data(*names)


@pytest.fixture(autouse=True)
def threads_given_back() -> Iterator[None]:
    """Restore the threads of PyTorch, which workflows and commands set for their process."""
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session", autouse=True)
def disk_not_awaited() -> Iterator[None]:
    """Do not wait until files are on disk, of which there are tens of thousands.

    What is killed here is a process, never the machine, and what a process has written stays
    when it ends. That a file is open is still asked; which files are synchronised, and what
    becomes of one that cannot be, is tested where `os.fsync` is replaced.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)
        yield


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an empty folder the current one, as it is for a user who starts."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run_page(empty_folder: Path) -> Callable[..., list[Block]]:
    """Run the blocks of Python of a page in order, in one namespace and an empty folder.

    The namespace may be given, to look at what the blocks left in it.
    """
    assert empty_folder == Path.cwd()

    def run(page: Path, names: dict[str, Any] | None = None) -> list[Block]:
        text, names = page.read_text(encoding="utf-8"), {} if names is None else names
        blocks: list[Block] = []
        for found in _BLOCK.finditer(text):
            line = text.count("\n", 0, found.start("code"))
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                # Lines before it are kept empty, so that a traceback names the page's line.
                exec(compile("\n" * line + found["code"], str(page), "exec"), names)
            blocks.append(Block(line + 1, printed.getvalue(), found["quoted"]))
        return blocks

    return run


@pytest.fixture(scope="session")
def tiny() -> "Callable[..., Recipe]":
    """Make small recipes: two stages on a hundred of scikit-learn's digits.

    Tables that are given change the keys of the first recipe's, lists replace its lists.
    """
    import msgspec

    from featlearn.config.recipe import Recipe

    def make(**changes: Any) -> Recipe:
        noise = {"kind": "mask", "rate": 0.3}
        objective = {"kind": "denoising", "corruption": noise}
        base: dict[str, Any] = {
            "title": "Tiny",
            "data": {"source": "digits", "limit": 100, "hold_out": 0.1},
            "stages": [
                {
                    "name": "edges",
                    "filter": {"kind": "conv", "size": 3, "maps": 4},
                    "pool": {"kind": "l2", "size": 2, "stride": 2},
                    "objective": objective,
                },
                {
                    "name": "parts",
                    "filter": {"kind": "dense", "maps": 6},
                    "activation": "sigmoid",
                    "objective": objective,
                },
            ],
            "pretrain": {"epochs": 2, "batch": 32, "optimizer": {"kind": "adamw", "lr": 0.01}},
            "finetune": {"epochs": 2, "batch": 32, "optimizer": {"kind": "adamw", "lr": 0.01}},
        }
        for key, value in changes.items():
            both = isinstance(value, dict) and isinstance(base.get(key), dict)
            base[key] = {**base[key], **value} if both else value
        return msgspec.convert(base, Recipe)

    return make


@pytest.fixture(scope="session")
def attempt() -> Callable[[Callable[[], object], str], Outcome]:
    """Make a call that may be refused, but then in one sentence, with the words given.

    That has no line breaks, no control characters, which a terminal would obey, and no half
    characters. Any other exception is a bug, and goes through.
    """
    from featlearn.errors import FeatlearnError

    def ask(call: Callable[[], object], said: str) -> Outcome:
        try:
            return Outcome(call(), None)
        except FeatlearnError as error:
            text = str(error)
        assert said in text
        assert not {unicodedata.category(c) for c in text} & {"Cc", "Cs"}, repr(text)
        assert not _NEXT_SENTENCE.search(text), text
        return Outcome(None, text)

    return ask


@pytest.fixture(scope="session")
def put() -> Callable[[Path, bytes], None]:
    """Write a file in place of another, thousands of times.

    To empty the one that is there and write it again takes ext4 ten times as long.
    """

    def replace(path: Path, data: bytes) -> None:
        path.unlink(missing_ok=True)
        path.write_bytes(data)

    return replace


@pytest.fixture(scope="session")
def cuts() -> Callable[[bytes], Iterator[bytes]]:
    """Cut a file off at every byte of its first 600, at every 31st after that, and at the last."""

    def cut(data: bytes) -> Iterator[bytes]:
        return (data[:length] for length in _places(data, each=600))

    return cut


@pytest.fixture(scope="session")
def flips() -> Callable[[bytes], Iterator[bytes]]:
    """Change each byte of a file's first 200, each 31st after that, and the last.

    Its lowest bit is changed, and then all of it.
    """

    def flip(data: bytes) -> Iterator[bytes]:
        for place in _places(data, each=200):
            for mask in (1, 255):
                yield data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]

    return flip


@pytest.fixture(scope="session")
def chromium() -> str:
    """Give the path of a Chromium that can be run headless."""
    for name in _BROWSERS:
        path = shutil.which(name)
        if path is not None:
            return path
    pytest.skip("needs Chromium; `scripts/test --browser` installs it")


def _places(data: bytes, *, each: int) -> list[int]:
    """Choose bytes of a file, all of a small one."""
    return sorted({*range(min(len(data), each)), *range(each, len(data), 31), len(data) - 1})


def _find_data(*names: str) -> Path:
    """Give the data root that holds the sets `names`, or skip."""
    given = os.environ.get("FEATLEARN_DATA")
    if not given:
        pytest.skip("needs FEATLEARN_DATA, the folder of data sets")
    root = Path(given)
    absent = [name for name in names if not (root / name).is_dir()]
    if absent or not root.is_dir():
        pytest.skip(f"needs {', '.join(absent) or 'data sets'} under {root}")
    return root
