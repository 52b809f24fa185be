import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from featlearn._version import __version__
from featlearn_cli.main import COMMANDS, SECTIONS, group

Run = Callable[..., Result]
Start = Callable[..., subprocess.CompletedProcess[str]]

COMPUTING = ["quickstart", "check", "pretrain", "encode", "finetune", "evaluate", "predict"]


def all_commands() -> list[tuple[str, ...]]:
    """List every command line that names a command, those of `data` too."""
    lines: list[tuple[str, ...]] = []
    context = click.Context(group)
    for name in group.list_commands(context):
        lines.append((name,))
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            lines += [(name, inner) for inner in command.commands]
    return lines


@pytest.mark.parametrize("words", all_commands(), ids="-".join)
def test_help_says_what_it_does_and_gives_an_example(run: Run, words: tuple[str, ...]) -> None:
    result = run(*words, "--help")
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"\n    featlearn {' '.join(words)}" in result.output
    assert all(len(line) <= 100 for line in result.output.splitlines())


@pytest.mark.parametrize("name", COMPUTING)
def test_every_computing_command_takes_the_same_options(run: Run, name: str) -> None:
    said = run(name, "--help").output
    for option in ("--device", "--threads", "--json", "--data-root", "--debug"):
        assert option in said
    # Only where they change anything: a finished run's recipe and seed are fixed.
    assert ("--set" in said) == (name in {"check", "pretrain", "finetune"})
    assert ("--seed " in said) == (name in {"check", "pretrain", "finetune", "quickstart"})
    assert "-q, --quiet" in said
    assert "-v, --verbose" in said


def test_the_list_has_every_command_under_its_section(run: Run) -> None:
    said = run("--help").output
    places = [said.index(f"\n{section}:\n") for section in SECTIONS]
    assert places == sorted(places)
    assert all(f"\n  {name} " in said for name in COMMANDS)
    assert {entry.section for entry in COMMANDS.values()} == set(SECTIONS)


def test_the_readme_has_the_same_sections() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \*\*(\w+)\*\* \| (.*) \|$", readme, re.MULTILINE)
    assert [section for section, _ in rows] == list(SECTIONS)
    told = {section: set(re.findall(r"`(\w+)[^`]*`", text)) for section, text in rows}
    assert [name for name in COMMANDS if name not in told[COMMANDS[name].section]] == []


def test_the_table_agrees_with_the_commands() -> None:
    context = click.Context(group)
    for name in COMMANDS:
        command = group.get_command(context, name)
        assert command is not None
        assert command.name == name


def test_version(run: Run) -> None:
    result = run("--version")
    assert (result.exit_code, result.output) == (0, f"featlearn {__version__}\n")


def test_a_misspelt_command_is_suggested(run: Run) -> None:
    result = run("pretran")
    assert result.exit_code == 2
    assert "No such command 'pretran'. Did you mean 'pretrain'?" in result.stderr
    assert result.stdout == ""


def test_a_misspelt_option_is_suggested(run: Run) -> None:
    result = run("pretrain", "digits", "--out", "x", "--devic", "cpu")
    assert result.exit_code == 2
    assert "--device" in result.stderr


def test_no_command_shows_the_list(run: Run) -> None:
    result = run()
    assert result.exit_code == 2
    assert "pretrain" in result.stderr


def test_help_loads_nothing_heavy(environment: dict[str, str]) -> None:
    code = (
        "import sys\n"
        "from featlearn_cli.main import group\n"
        "try:\n    group.main(['--help'])\n"
        "finally:\n    print(*sys.modules, file=sys.stderr)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment
    )
    loaded = {name.partition(".")[0] for name in result.stderr.split()}
    assert "click" in loaded
    heavy = {"torch", "numpy", "rich", "msgspec", "scipy", "sklearn", "matplotlib", "PIL", "pooch"}
    assert loaded.isdisjoint(heavy)
    assert "Learn:" in result.stdout


def test_a_bad_recipe_is_refused_before_torch_loads(
    environment: dict[str, str], tmp_path: Path
) -> None:
    code = (
        "import sys\n"
        "from featlearn_cli.main import group\n"
        f"try:\n    group.main(['pretrain', 'digit', '--out', {str(tmp_path / 'x')!r}])\n"
        "except SystemExit as stop:\n    print(stop.code, 'torch' in sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment
    )
    assert result.stdout == "2 False\n"


class TestCompletion:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_prints_a_script(self, run: Run, shell: str) -> None:
        result = run("completion", shell)
        assert result.exit_code == 0
        assert f"_FEATLEARN_COMPLETE={shell}_complete" in result.stdout

    def test_an_unknown_shell(self, run: Run) -> None:
        result = run("completion", "tcsh")
        assert result.exit_code == 2
        assert "bash" in result.stderr

    @pytest.mark.parametrize(
        ("line", "found"),
        [
            ("featlearn pre", "pretrain"),
            ("featlearn describe mnist-l", "mnist-local"),
            ("featlearn data inspect fash", "fashion-mnist"),
            ("featlearn predict x photo", "photographs"),
        ],
    )
    def test_completes_commands_recipes_and_sets(self, line: str, found: str) -> None:
        words = line.split()
        environment = {
            "_FEATLEARN_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        }
        result = CliRunner().invoke(group, [], prog_name="featlearn", env=environment)
        assert f"plain,{found}" in result.output.splitlines()


def test_visualize_names_every_picture_it_draws(run: Run) -> None:
    from featlearn.workflows.drawing.kinds import KINDS
    from featlearn_cli.commands.visualize import KINDS as OFFERED

    assert OFFERED == KINDS
    body = run("visualize", "--help").output.partition("Options:")[0]
    assert all(kind in body.lower() for kind in KINDS)
