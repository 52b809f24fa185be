"""Which commit a checkout is at."""

import shutil
import subprocess
from pathlib import Path

import pytest

from featlearn.training.commit import commit_of, own_commit

GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_no_other_repository_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ours", "other"):
        folder = tmp_path / name
        folder.mkdir()
        for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", name]):
            subprocess.run([*GIT, *words], cwd=folder, check=True)
    found = commit_of(tmp_path / "ours")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert found is not None
    assert commit_of(tmp_path / "ours") == found


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_checkout_tells_its_commit_and_whether_it_was_changed(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        told = subprocess.run(
            [*GIT, *words], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return told.stdout.strip()

    assert commit_of(tmp_path) is None
    git("init", "--quiet")
    assert commit_of(tmp_path) is None  # nothing is committed yet
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "--quiet", "-m", "one")
    assert commit_of(tmp_path) == git("rev-parse", "HEAD")[:12]
    (tmp_path / "file").write_text("2")
    assert commit_of(tmp_path) == git("rev-parse", "HEAD")[:12] + "-dirty"


def test_without_git_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("featlearn.training.commit.shutil.which", lambda _: None)
    assert commit_of(Path(__file__).parents[2]) is None


def test_our_own_is_asked_once() -> None:
    assert own_commit() is own_commit()
