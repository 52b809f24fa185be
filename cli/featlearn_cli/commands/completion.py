"""`featlearn completion`."""

import click
from click.shell_completion import get_completion_class

from featlearn_cli.options import example


@click.command(
    "completion",
    epilog=example(
        "featlearn completion bash >> ~/.bashrc",
        "featlearn completion zsh >> ~/.zshrc",
        "featlearn completion fish > ~/.config/fish/completions/featlearn.fish",
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.option("--debug", is_flag=True, expose_value=False, help="Print tracebacks of errors.")
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete featlearn's commands and options."""
    kind = get_completion_class(shell)
    assert kind is not None, "click has these three shells"
    root = context.find_root()
    completion = kind(root.command, {}, "featlearn", "_FEATLEARN_COMPLETE")
    # `source()` of bash would run bash to look at its version; the text is the same.
    click.echo(completion.source_template % completion.source_vars())
