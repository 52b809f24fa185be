"""The command `featlearn`: a table of commands, each loaded when it is called.

Nothing heavy is imported here: `featlearn --help` has to be quick.
"""

import difflib
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from types import FrameType
from typing import Any, NamedTuple, NoReturn

import click

from featlearn._version import __version__
from featlearn.errors import UsageError
from featlearn.files import in_utf8
from featlearn_cli.errors import run, short_warnings


class Entry(NamedTuple):
    """A command that is not loaded yet: where it is listed, and as what."""

    section: str
    help: str


COMMANDS: dict[str, Entry] = {
    "recipes": Entry("Data", "List the shipped recipes, or print one to copy and change."),
    "data": Entry("Data", "List, download and inspect image sets."),
    "quickstart": Entry("Learn", "See it work: both bundled image sets, then a report."),
    "check": Entry("Learn", "Find out in a minute whether a recipe can learn."),
    "sweep": Entry("Learn", "Search for the values of a recipe's keys that learn best."),
    "pretrain": Entry("Learn", "Learn features without labels."),
    "finetune": Entry("Learn", "Train a classifier on learned features."),
    "encode": Entry("Use", "Write the features of images to a file."),
    "evaluate": Entry("Use", "Measure a classifier, or the features by a linear probe."),
    "predict": Entry("Use", "Name the class of images."),
    "visualize": Entry("Look", "Draw filters, projections, reconstructions, curves, confusion."),
    "report": Entry("Look", "Make the page that shows what a run learned."),
    "baselines": Entry("Look", "Fit the classical classifiers, as something to be better than."),
    "study": Entry("Look", "Rerun a comparison: faces, two senses, few labels, MNIST ten ways."),
    "describe": Entry("Look", "Print each layer's shape, weights, connections and cost."),
    "bench": Entry("Scale", "Measure how fast each kind of layer is on this machine."),
    "doctor": Entry("Scale", "Say what is installed and usable on this machine."),
    "completion": Entry("Scale", "Print the script that completes commands in a shell."),
}
SECTIONS = ("Data", "Learn", "Use", "Look", "Scale")


class LazyGroup(click.Group):
    """A group that lists its commands from a table and loads one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"featlearn_cli.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begin with; suggest one if there is none."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            close = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            ctx.fail(f"No such command {name!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section, without loading any."""
        width = max(map(len, COMMANDS))
        for section in SECTIONS:
            with formatter.section(section):
                formatter.write_dl(
                    [
                        (name.ljust(width), entry.help)
                        for name, entry in COMMANDS.items()
                        if entry.section == section
                    ]
                )

    def main(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        **extra: Any,
    ) -> NoReturn:
        """Run a command line and leave with its exit code; errors end here, once."""
        words = sys.argv[1:] if args is None else list(args)
        extra["standalone_mode"] = False
        invoke = super().main

        def checked() -> object:
            _check_characters(words)
            with short_warnings(shown=not {"-q", "--quiet"} & {*words}):
                return invoke(words, prog_name, **extra)

        sys.exit(run(checked, debug="--debug" in words))


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with `featlearn quickstart`; every command has its own --help.",
)
@click.version_option(__version__, prog_name="featlearn", message="%(prog)s %(version)s")
def group() -> None:
    """Learn features from unlabelled images, look at them, and use them with few labels."""


def main() -> NoReturn:
    """Run the command line of this process."""
    with suppress(ValueError):  # not the main thread: the caller minds its signals
        signal.signal(signal.SIGTERM, _terminate)
    group.main(prog_name="featlearn")


def _check_characters(words: Sequence[str]) -> None:
    """Refuse names that no file of text can hold, before anything is done about them.

    Raises:
        UsageError: If one has bytes that are no UTF-8.
    """
    for word in words:
        if not in_utf8(word):
            raise UsageError(f"{word!r} is not in UTF-8; give the file or folder another name")


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    """End by SIGTERM through `finally`, so that no temporary file stays behind."""
    sys.exit(128 + number)
