"""Specs as tables of plain values, the same ones however a recipe came about."""

from functools import cache
from typing import Any, cast

import msgspec

from featlearn.config.base import Spec
from featlearn.config.schema import TAG


def as_tables(spec: Spec) -> dict[str, Any]:
    """Give a spec as nested tables, leaving out every key that holds its default.

    Equal specs give equal tables: also if one says in so many words what the other
    leaves to the default, which msgspec's own conversion would keep apart.
    """
    return cast("dict[str, Any]", _plain(spec))


def _plain(value: object) -> object:
    """Turn specs into tables and tuples into lists."""
    if isinstance(value, msgspec.Struct):
        fields = {
            field.encode_name: _plain(getattr(value, field.name))
            for field in _fields(type(value))
            if getattr(value, field.name) != _default(field)
        }
        tag = value.__struct_config__.tag
        return fields if tag is None else {TAG: tag, **fields}
    if isinstance(value, tuple):
        return [_plain(item) for item in cast("tuple[object, ...]", value)]
    return value


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """List the fields of a kind of spec, whose annotations take long to read."""
    return msgspec.structs.fields(kind)


def _default(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default
