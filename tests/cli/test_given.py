"""Which options were given, whatever their values are."""

import click
import pytest
from click.testing import CliRunner

from featlearn_cli.given import given


@click.command()
@click.argument("source", required=False)
@click.option("-t", "--tune", is_flag=True)
@click.option("--control", "controls", multiple=True)
@click.option("--seconds", type=float, default=60.0)
@click.option("--seed", type=int)
def command(**_: object) -> None:
    click.echo(" ".join(given("--seed", "--seconds", "--control", "--tune", "-t", "SOURCE")))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], ""),
        (["--seconds", "60"], "--seconds"),  # though it is the default
        (["--control", "a", "--control", "b", "--seed", "0"], "--seed --control"),
        (["-t", "x"], "--tune -t SOURCE"),
    ],
)
def test_in_the_order_that_is_asked_for(words: list[str], said: str) -> None:
    result = CliRunner().invoke(command, words)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == said


def test_an_option_that_there_is_not_is_a_mistake_of_the_caller() -> None:
    @click.command()
    def bare() -> None:
        given("--seed")

    with pytest.raises(KeyError, match="--seed"):
        CliRunner().invoke(bare, [], catch_exceptions=False)
