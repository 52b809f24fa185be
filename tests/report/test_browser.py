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


def in_a_frame(chromium: str, page: Path, folder: Path, width: int, script: str) -> str:
    """Open a page in a frame, which may be narrower than a window; give what `script` says."""
    inner = scripted(page, folder, f"parent.postMessage({script}, '*')")
    outer = folder / "outer.html"
    outer.write_text(
        "<script>onmessage = (event) => { document.title = event.data }</script>"
        f'<iframe src="{inner.as_uri()}" width="{width}" height="844" style="border:0"></iframe>'
    )
    options = ("--window-size=1400,900", "--virtual-time-budget=5000", "--dump-dom")
    dom, _ = browse(chromium, outer, folder, *options)
    title = re.search(r"<title>(.*?)</title>", dom)
    assert title is not None
    return title[1]


def test_no_errors_and_nothing_to_load(chromium: str, full_page: Path, tmp_path: Path) -> None:
    dom, console = browse(chromium, full_page, tmp_path, "--dump-dom")
    assert console == ""
    assert "<button" in dom
    assert not re.search(r"(?:src|href|srcset)=[\"'](?!data:|#)", dom)
    assert dom.count("<script") == 4


def test_the_console_would_have_been_heard(chromium: str, full_page: Path, tmp_path: Path) -> None:
    copy = scripted(full_page, tmp_path, "console.error('heard')")
    _, console = browse(chromium, copy, tmp_path, "--dump-dom")
    assert "heard" in console


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("too_wide", [False, True])
def test_nothing_hangs_over_the_side(
    chromium: str, full_page: Path, tmp_path: Path, width: int, too_wide: bool
) -> None:
    page = "document.documentElement"
    widen = f"{page}.firstElementChild.nextElementSibling.style.width = '2000px', " * too_wide
    script = f"({widen}[innerWidth, {page}.clientWidth, {page}.scrollWidth].join())"
    said = in_a_frame(chromium, full_page, tmp_path, width, script)
    given, room, taken = map(int, said.split(","))
    assert given == width
    assert (taken > room) == too_wide


def test_no_table_is_cut_on_a_phone(chromium: str, full_page: Path, tmp_path: Path) -> None:
    # Matrices of long names aside, which cannot be narrower than their names.
    script = (
        "[...document.querySelectorAll('.scroll')]"
        ".filter((box) => !box.querySelector('.confusion') && !box.closest('.behind'))"
        ".map((box) => box.scrollWidth - box.clientWidth).join()"
    )
    hidden = in_a_frame(chromium, full_page, tmp_path, 375, script).split(",")
    assert hidden == ["0"] * 4  # the comparison, the runs, and the layers of either


def test_arrows_stand_before_what_they_lead_to(
    chromium: str, full_page: Path, tmp_path: Path
) -> None:
    # Where the drawing goes on in the next line, an arrow after would lead nowhere.
    script = (
        "[...document.querySelectorAll('.flow .sheets')].map((box) => ['::before', '::after']"
        ".map((place) => getComputedStyle(box, place).content === 'none' ? '-' : '>').join('o'))"
        ".join()"
    )
    drawn = in_a_frame(chromium, full_page, tmp_path, 375, script).replace("&gt;", ">").split(",")
    assert [place for place, shown in enumerate(drawn) if shown == "-o-"] == [0, len(drawn) // 2]
    assert set(drawn) == {"-o-", ">o-"}


def test_the_page_prints(chromium: str, full_page: Path, tmp_path: Path) -> None:
    pdf = tmp_path / "page.pdf"
    browse(chromium, full_page, tmp_path, f"--print-to-pdf={pdf}")
    data = pdf.read_bytes()
    assert data.startswith(b"%PDF-")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", data)) <= 20
