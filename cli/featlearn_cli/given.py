"""Which options of a command were given, so that those that do not go together are refused."""

import click
from click.core import ParameterSource


def given(*names: str) -> list[str]:
    """List those of some options of the running command that were given, in this order.

    Args:
        names: As they are written: `--tune`, and `SOURCE` for an argument.
    """
    context = click.get_current_context()
    known = {name: param.name for param in context.command.params for name in _written(param)}
    unsaid = {None, ParameterSource.DEFAULT}
    return [name for name in names if context.get_parameter_source(known[name] or "") not in unsaid]


def _written(param: click.Parameter) -> list[str]:
    return param.opts if isinstance(param, click.Option) else [param.human_readable_name]
