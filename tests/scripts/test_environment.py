import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("bash", "basename", "cat", "dirname", "env", "ls", "uname")


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=inherited | environment,
        timeout=60,
    )


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """Make a folder of the ordinary commands, without any Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        path = shutil.which(tool)
        assert path is not None
        (folder / tool).symlink_to(path)
    return folder


def fake_python(path: Path, *, accepted: bool) -> Path:
    """Write a Python that passes the check of its version, or does not, and can nothing else."""
    text = f'case "$2" in *version_info*) exit {int(not accepted)} ;; *) exit 9 ;; esac'
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    "script", ["scripts/quickstart", "scripts/test", "scripts/lib/environment.sh", ".ci/run"]
)
def test_is_bash_without_syntax_errors(script: str) -> None:
    result = run("bash", "-n", str(ROOT / script))
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("script", ["quickstart", "test"])
def test_help_says_what_is_downloaded_and_makes_nothing(script: str, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    result = run(str(ROOT / "scripts" / script), "--help", FEATLEARN_VENV=str(venv))
    assert result.returncode == 0
    assert "downloads about" in result.stdout
    assert str(venv) in result.stdout
    assert not venv.exists()


@pytest.mark.parametrize("script", ["quickstart", "test"])
def test_an_old_python_is_refused_by_name(script: str, tmp_path: Path) -> None:
    old = fake_python(tmp_path / "old", accepted=False)
    venv = tmp_path / "venv"
    result = run(str(ROOT / "scripts" / script), PYTHON=str(old), FEATLEARN_VENV=str(venv))
    assert result.returncode == 1
    assert f"PYTHON names {old}, which is not a Python 3.11.4 or later" in result.stderr
    assert not venv.exists()


def test_a_machine_without_python_is_told_so(tools: Path, tmp_path: Path) -> None:
    fake_python(tools / "python3", accepted=False)
    result = run(
        str(ROOT / "scripts" / "quickstart"), PATH=str(tools), FEATLEARN_VENV=str(tmp_path / "venv")
    )
    assert result.returncode == 1
    assert "no Python 3.11.4 or later found" in result.stderr


def test_the_first_recent_python_is_taken(tools: Path, tmp_path: Path) -> None:
    fake_python(tools / "python3", accepted=False)
    fake_python(tools / "python3.12", accepted=True)
    result = run(
        str(ROOT / "scripts" / "quickstart"), PATH=str(tools), FEATLEARN_VENV=str(tmp_path / "venv")
    )
    assert result.returncode == 1
    assert "python3.12 could not make a virtual environment" in result.stderr


def test_a_folder_that_is_no_environment_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work", encoding="utf-8")
    result = run(str(ROOT / "scripts" / "quickstart"), FEATLEARN_VENV=str(tmp_path))
    assert result.returncode == 1
    assert f"{tmp_path} is not a virtual environment and not empty" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_environment_of_an_old_python_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    # It has pip, but fails the check of its version.
    python.write_text('#!/bin/sh\n[ "$1 $2" = "-m pip" ]\n', encoding="utf-8")
    python.chmod(0o755)
    result = run(str(ROOT / "scripts" / "quickstart"), FEATLEARN_VENV=str(tmp_path))
    assert result.returncode == 1
    assert "has a Python before 3.11.4" in result.stderr


def test_only_the_command_writes_to_standard_output(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    commands = {
        "python": 'case "$*" in *install*) echo Collecting ;; *--version*) echo pip ;; esac',
        "featlearn": 'echo "{\\"said\\": \\"$*\\"}"',
    }
    for name, text in commands.items():
        command = tmp_path / "bin" / name
        command.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        command.chmod(0o755)
    result = run(str(ROOT / "scripts/quickstart"), "--json", FEATLEARN_VENV=str(tmp_path))
    assert json.loads(result.stdout) == {"said": "quickstart --json"}
    assert "Collecting" in result.stderr


def test_relative_paths_are_meant_from_where_the_user_stands(tmp_path: Path) -> None:
    code = 'source "$1"; cd /; printf "%s %s" "$venv" "$FEATLEARN_DATA"'
    library = str(ROOT / "scripts" / "lib" / "environment.sh")
    result = subprocess.run(
        ["bash", "-c", code, "bash", library],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"FEATLEARN_VENV": "mine", "FEATLEARN_DATA": "sets"},
    )
    assert result.stdout == f"{tmp_path}/mine {tmp_path}/sets"


def test_data_are_in_the_checkout_unless_said_otherwise() -> None:
    code = 'source "$1"; printf "%s %s" "$venv" "$FEATLEARN_DATA"'
    result = run("bash", "-c", code, "bash", str(ROOT / "scripts" / "lib" / "environment.sh"))
    assert result.stdout == f"{ROOT}/.venv {ROOT}/data"
