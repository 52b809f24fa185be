import gzip
import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from featlearn.datasets import catalogue
from featlearn.datasets.catalogue import KNOWN, KnownSet, RemoteFile, fetch
from featlearn.errors import DataError, UsageError
from featlearn.geometry import MapShape

FILES = {"one.gz": gzip.compress(b"1" * 100_000, mtime=0), "two.bin": bytes(range(256)) * 1000}

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


def good(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def wrong(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    good(handler, data[:-1] + b"?")


def endless(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    good(handler, data + bytes(10**6))


def truncated(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data[: len(data) // 2])


def broken(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    handler.send_error(503)


def absent(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    handler.send_error(404)


def unpacking(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    """Be a server that says that its gzip files are text that it packed itself."""
    assert handler.headers["Accept-Encoding"] == "identity"
    good(handler, data)


class Server:
    """A mirror whose answers can be set: each file's next ones, then `good`."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.always: Answer = good
        self.asked = Counter[str]()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.removeprefix("/set/")
                owner.asked[name] += 1
                queue = owner.answers.get(name, [])
                (queue.pop(0) if queue else owner.always)(self, FILES[name])

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/set"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Generator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(catalogue, "_PAUSES", (0.0, 0.0))
    started = Server()
    yield started
    started.stop()


@pytest.fixture
def second(server: Server) -> Generator[Server]:
    started = Server()
    yield started
    started.stop()


def known_at(monkeypatch: pytest.MonkeyPatch, *mirrors: str) -> None:
    """Put a set into the catalogue that these mirrors serve."""
    known = KnownSet(
        name="toy",
        title="A toy",
        shape=MapShape(1, 2, 2),
        train=1,
        test=1,
        licence="none",
        citation="none",
        files=tuple(
            RemoteFile(name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest())
            for name, data in FILES.items()
        ),
        mirrors=mirrors,
    )
    monkeypatch.setattr(catalogue, "KNOWN", {**KNOWN, "toy": known})


def assert_whole(folder: Path) -> None:
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES


def test_files_are_fetched_as_they_are(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_at(monkeypatch, server.url + "/")
    server.always = unpacking
    calls: list[tuple[str, int, int]] = []
    folder = fetch("toy", root=tmp_path / "root", progress=lambda *call: calls.append(call))
    assert folder == tmp_path / "root" / "toy"
    assert_whole(folder)
    size = len(FILES["two.bin"])
    of_two = [done for name, done, total in calls if name == "two.bin" and total == size]
    assert of_two == sorted(of_two)
    assert len(of_two) > 1
    assert of_two[-1] == size


def test_what_is_there_is_not_fetched_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_at(monkeypatch, server.url)
    fetch("toy", root=tmp_path)
    (tmp_path / "toy" / "two.bin").write_bytes(b"spoilt")
    fetch("toy", root=tmp_path)
    assert server.asked == {"one.gz": 1, "two.bin": 2}
    assert_whole(tmp_path / "toy")


@pytest.mark.parametrize("failure", [truncated, broken])
def test_a_mirror_that_fails_in_passing_is_asked_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Answer
) -> None:
    known_at(monkeypatch, server.url)
    server.answers["one.gz"] = [failure, failure]
    assert_whole(fetch("toy", root=tmp_path))
    assert server.asked["one.gz"] == 3


@pytest.mark.parametrize(
    ("failure", "times", "message"),
    [
        (wrong, 1, "sent a file with another SHA-256"),
        (endless, 1, r"sent more than the \d+ bytes of one\.gz"),
        (absent, 1, "answered 404"),
        (broken, 3, "answered 503"),
        (truncated, 3, "could not be reached or broke off"),
    ],
)
def test_a_mirror_that_keeps_failing_is_named_and_leaves_nothing(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: Answer,
    times: int,
    message: str,
) -> None:
    known_at(monkeypatch, server.url)
    server.always = failure
    with pytest.raises(DataError, match=f"{server.url}/one.gz {message}.*`--mirror`"):
        fetch("toy", root=tmp_path)
    assert server.asked == {"one.gz": times}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failure", [wrong, absent, broken, truncated, endless])
def test_the_next_mirror_is_tried(
    server: Server,
    second: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: Answer,
) -> None:
    known_at(monkeypatch, server.url, second.url)
    server.always = failure
    assert_whole(fetch("toy", root=tmp_path))
    assert second.asked == {"one.gz": 1, "two.bin": 1}


def test_a_file_that_fails_keeps_those_that_are_there(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_at(monkeypatch, server.url)
    server.answers["two.bin"] = [absent]
    with pytest.raises(DataError, match=r"two\.bin of toy could not be fetched"):
        fetch("toy", root=tmp_path)
    assert [path.name for path in (tmp_path / "toy").iterdir()] == ["one.gz"]


def test_a_mirror_replaces_the_published_ones(
    server: Server, second: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_at(monkeypatch, server.url)
    fetch("toy", root=tmp_path, mirror=second.url)
    assert not server.asked
    assert second.asked == {"one.gz": 1, "two.bin": 1}


def test_offline_says_what_can_be_done(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_at(monkeypatch, server.url)
    server.stop()
    with pytest.raises(
        DataError,
        match=r"one\.gz of toy could not be fetched: http.*could not be reached.*"
        r"check the network.*`--mirror`, or put the file into .*toy by hand",
    ):
        fetch("toy", root=tmp_path)


@pytest.mark.parametrize("root", ["", "not/yet/there"])
def test_a_fetch_in_vain_leaves_no_folder(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str
) -> None:
    known_at(monkeypatch, server.url)
    server.stop()
    with pytest.raises(DataError, match="could not be reached"):
        fetch("toy", root=tmp_path / root)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_stays(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_at(monkeypatch, server.url)
    server.always = absent
    (tmp_path / "toy").mkdir()
    with pytest.raises(DataError, match="answered 404"):
        fetch("toy", root=tmp_path)
    assert (tmp_path / "toy").is_dir()


def test_a_root_that_cannot_be_written_to_is_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_at(monkeypatch, server.url)

    def refuse(*_args: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pooch.retrieve", refuse)
    with pytest.raises(DataError, match=r"toy cannot be written to.*`--data-root`"):
        fetch("toy", root=tmp_path)


@pytest.mark.parametrize("mirror", ["file:///srv/mnist", "/srv/mnist", "ftp://host/x", "https://"])
def test_a_mirror_is_of_the_web(tmp_path: Path, mirror: str) -> None:
    with pytest.raises(UsageError, match="a mirror is the http or https address"):
        fetch("mnist", root=tmp_path, mirror=mirror)


def test_an_unknown_name_gets_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no known data set 'mnits'; did you mean mnist"):
        fetch("mnits", root=tmp_path)
    with pytest.raises(UsageError, match="known sets are digits, photographs, mnist, fashion"):
        fetch("zebra", root=tmp_path)


def test_what_is_bundled_needs_no_download(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="digits comes with scikit-learn"):
        fetch("digits", root=tmp_path)


@pytest.mark.parametrize("mirror", [None, "http://localhost/bsds/"])
def test_a_set_of_folders_is_put_there_by_hand(tmp_path: Path, mirror: str | None) -> None:
    with pytest.raises(DataError, match=r"is no list of files.*train and test, into .*bsds500"):
        fetch("natural-bsds500", root=tmp_path, mirror=mirror)
    assert not list(tmp_path.iterdir())


def test_the_catalogue_is_consistent() -> None:
    for name, known in KNOWN.items():
        assert known.name == name
        assert known.embedded == (known.size == 0 and not known.folders and not known.parts)
        assert all(part in KNOWN and not KNOWN[part].parts for part in known.parts)
        assert not (known.folders and (known.files or known.mirrors))
        assert not (known.embedded and known.mirrors)  # others may have no published address
        assert all(len(file.sha256) == 64 for file in known.files)
        assert len(set(known.class_names)) == known.classes
