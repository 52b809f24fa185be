"""The page in a browser: no errors, nothing sideways on a phone, prints."""

import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def browse(chromium: str, page: Path, folder: Path, *options: str) -> tuple[str, str]:
    """Open a page; give what the browser printed, and what its console said."""
    done = subprocess.run(
        [
            chromium,
            *QUIET,
            f"--user-data-dir={folder / 'profile'}",
            "--enable-logging=stderr",
            *options,
            page.as_uri(),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, "\n".join(console)


def scripted(page: Path, folder: Path, script: str) -> Path:
    """Copy a page with one more script, which the page itself would not let run."""
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text())
    copy = folder / "copy.html"
    copy.write_text(text.replace("</body>", f"<script>{script}</script></body>"))
    return copy


def test_no_errors_and_nothing_to_load(chromium: str, full_page: Path, tmp_path: Path) -> None:
    dom, console = browse(chromium, full_page, tmp_path, "--dump-dom")
    assert console == ""
    assert "<button" in dom
    assert not re.search(r"(?:src|href|srcset)=[\"'](?!data:|#)", dom)
    assert dom.count("<script") == 2


def test_the_console_would_have_been_heard(chromium: str, full_page: Path, tmp_path: Path) -> None:
    copy = scripted(full_page, tmp_path, "console.error('heard')")
    _, console = browse(chromium, copy, tmp_path, "--dump-dom")
    assert "heard" in console


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("too_wide", [False, True])
def test_nothing_hangs_over_the_side(
    chromium: str, full_page: Path, tmp_path: Path, width: int, too_wide: bool
) -> None:
    inner = scripted(
        full_page,
        tmp_path,
        "const page = document.documentElement;"
        + "page.firstElementChild.nextElementSibling.style.width = '2000px';" * too_wide
        + "parent.postMessage([innerWidth, page.clientWidth, page.scrollWidth].join(), '*')",
    )
    outer = tmp_path / "outer.html"  # a frame may be narrower than a window
    outer.write_text(
        "<script>onmessage = (event) => { document.title = event.data }</script>"
        f'<iframe src="{inner.as_uri()}" width="{width}" height="844" style="border:0"></iframe>'
    )
    options = ("--window-size=1400,900", "--virtual-time-budget=5000", "--dump-dom")
    dom, _ = browse(chromium, outer, tmp_path, *options)
    title = re.search(r"<title>(\d+),(\d+),(\d+)</title>", dom)
    assert title is not None
    given, room, taken = (int(group) for group in title.groups())
    assert given == width
    assert (taken > room) == too_wide


def test_the_page_prints(chromium: str, full_page: Path, tmp_path: Path) -> None:
    pdf = tmp_path / "page.pdf"
    browse(chromium, full_page, tmp_path, f"--print-to-pdf={pdf}")
    data = pdf.read_bytes()
    assert data.startswith(b"%PDF-")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", data)) <= 20
