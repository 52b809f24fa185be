"""Recipes drawn at random: what is valid survives writing, what is not is one sentence."""

from typing import Any

import msgspec
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from featlearn.config.load import dump_recipe, load_recipe, parse_recipe
from featlearn.config.overrides import apply_overrides
from featlearn.config.recipe import Recipe
from featlearn.config.validate import Problem, validate
from featlearn.errors import FeatlearnError, RecipeError

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def _numbers(kind: inspect.IntType | inspect.FloatType) -> st.SearchStrategy[Any]:
    low = kind.ge if kind.ge is not None else kind.gt
    high = kind.le if kind.le is not None else kind.lt
    if isinstance(kind, inspect.IntType):
        return st.integers(
            None if low is None else int(low), 2**63 - 1 if high is None else int(high)
        )
    return st.floats(
        low,
        high,
        exclude_min=kind.gt is not None,
        exclude_max=kind.lt is not None,
        allow_nan=False,
        allow_infinity=False,
    )


def _values(kind: inspect.Type, inside: frozenset[type] = frozenset()) -> st.SearchStrategy[Any]:
    """Draw raw values that the type allows; a table that may hold its like holds none."""
    match kind:
        case inspect.IntType() | inspect.FloatType():
            return _numbers(kind)
        case inspect.StrType():
            pattern = r"[A-Za-z0-9][A-Za-z0-9_-]{0,9}"
            return _TEXT if kind.pattern is None else st.from_regex(pattern, fullmatch=True)
        case inspect.BoolType():
            return st.booleans()
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.VarTupleType():
            return st.lists(_values(kind.item_type, inside), max_size=3)
        case inspect.TupleType():
            return st.tuples(*(_values(item, inside) for item in kind.item_types)).map(list)
        case inspect.UnionType():
            members = [m for m in kind.types if not isinstance(m, inspect.NoneType)]
            members = [m for m in members if getattr(m, "cls", None) not in inside]
            return st.one_of(*(_values(member, inside) for member in members))
        case inspect.DictType():
            return st.dictionaries(_TEXT, _values(kind.value_type, inside), max_size=2)
        case inspect.StructType():
            return _tables(kind, inside | {kind.cls})
        case _:
            raise NotImplementedError(kind)


def _tables(kind: inspect.StructType, inside: frozenset[type]) -> st.SearchStrategy[dict[str, Any]]:
    tag = {} if kind.tag is None else {"kind": st.just(kind.tag)}
    needed = {f.encode_name: _values(f.type, inside) for f in kind.fields if f.required}
    others = {f.encode_name: _values(f.type, inside) for f in kind.fields if not f.required}
    return st.fixed_dictionaries({**tag, **needed}, optional=others)


RAW_RECIPES = _values(inspect.type_info(Recipe))
"""Right in every key; parts may still contradict one another."""

_PLAIN = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.booleans(),
    _TEXT,
    st.datetimes(),
    st.dates(),
    st.times(),
)
_WORDS = st.sampled_from(
    ["title", "data", "source", "stages", "name", "filter", "kind", "size", "maps", "pool", "lr"]
)
_GARBAGE = st.recursive(
    _PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS | _TEXT, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(raw=RAW_RECIPES)
def test_a_valid_recipe_survives_writing(raw: dict[str, Any]) -> None:
    result = validate(raw)
    if isinstance(result, Problem):
        # Only contradictions between keys are left to refuse, and those say what they need.
        assert result.text
        assert " - at `$" not in result.text
        return
    assert parse_recipe(dump_recipe(result)) == result


@pytest.mark.parametrize("stages", [1, 3])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_recipes_without_contradictions_survive_writing(stages: int, data: st.DataObject) -> None:
    # Random keys contradict one another more often than not; these cannot.
    filters = st.one_of(
        st.fixed_dictionaries({"kind": st.just("dense"), "maps": st.integers(1, 99)}),
        st.fixed_dictionaries(
            {"kind": st.sampled_from(["conv", "local"]), "size": st.integers(1, 9)},
            optional={"bias": st.booleans(), "padding": st.just("same")},
        ).map(lambda table: {**table, "maps": 3}),
    )
    raw = {
        "title": data.draw(_TEXT),
        "minutes": data.draw(st.floats(0, exclude_min=True, allow_infinity=False)),
        "seed": data.draw(st.integers(0, 2**63 - 1)),
        "data": {"source": data.draw(_TEXT)},
        "stages": [
            {"name": f"s{place}", "filter": data.draw(filters), "lr": data.draw(st.floats(1e-9, 9))}
            for place in range(stages)
        ],
    }
    result = validate(raw)
    assert isinstance(result, Recipe)
    assert parse_recipe(dump_recipe(result)) == result


@settings(max_examples=150, deadline=None)
@given(raw=st.dictionaries(_WORDS | _TEXT, _GARBAGE, max_size=5))
def test_garbage_that_is_toml_is_refused_in_one_sentence(raw: dict[str, Any]) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(tomli_w.dumps(raw), title="recipe x")
    assert "`$" not in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=80) | st.binary(max_size=80))
def test_garbage_in_a_file_is_refused_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, text: str | bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "garbage.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(errors="replace"))
    with pytest.raises(RecipeError):
        load_recipe(path)


@settings(max_examples=100, deadline=None)
@given(raw=RAW_RECIPES, key=_WORDS, junk=_GARBAGE, data=st.data())
def test_one_wrong_value_in_a_right_recipe_never_ends_otherwise(
    raw: dict[str, Any], key: str, junk: object, data: st.DataObject
) -> None:
    tables: list[dict[str, Any]] = []

    def collect(value: object) -> None:
        if isinstance(value, dict):
            tables.append(value)
            for inner in value.values():
                collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)

    collect(raw)
    data.draw(st.sampled_from(tables))[key] = junk
    result = validate(raw)
    if isinstance(result, Problem):
        assert "`$" not in result.text


@settings(max_examples=200, deadline=None)
@given(
    path=st.lists(_WORDS | st.sampled_from(["0", "s", "pretrain", "optimizer", ""]), max_size=5),
    value=_TEXT | st.sampled_from(["none", "3", "[1]", "{}", "{ kind = 'max' }", "'x'"]),
)
def test_any_override_is_applied_or_refused(path: list[str], value: str) -> None:
    recipe = msgspec.to_builtins(
        parse_recipe(
            'title = "t"\n[data]\nsource = "x"\n'
            '[[stages]]\nname = "s"\nfilter = { kind = "dense", maps = 1 }'
        )
    )
    raw = {**recipe, "stages": [dict(stage) for stage in recipe["stages"]]}
    try:
        changed, _ = apply_overrides(raw, [f"{'.'.join(path)}={value}"])
    except FeatlearnError:
        return
    result = validate(changed)
    if isinstance(result, Problem):
        assert "`$" not in result.text
    else:
        assert validate(msgspec.to_builtins(result)) == result
