import os
import tomllib
from pathlib import Path

import pytest

from featlearn.config import load
from featlearn.config.data import PCASpec
from featlearn.config.load import (
    KNOWN_SETS,
    dump_recipe,
    load_recipe,
    parse_recipe,
    recipe_names,
    recipe_text,
    stack_recipe_names,
)
from featlearn.config.pieces import L2PoolSpec
from featlearn.datasets.catalogue import KNOWN
from featlearn.errors import RecipeError, UsageError
from tests.config.small import SMALL, refusal


def test_reads_what_the_file_says(small: Path) -> None:
    recipe = load_recipe(small)
    assert (recipe.title, recipe.data.source) == ("Small", "digits")
    assert [stage.name for stage in recipe.stages] == ["strokes", "parts"]
    assert recipe.stages[0].pool == L2PoolSpec(size=2)


@pytest.mark.parametrize("name", stack_recipe_names())
def test_every_shipped_recipe_loads_and_survives_writing(name: str) -> None:
    recipe = load_recipe(name)
    assert parse_recipe(dump_recipe(recipe)) == recipe
    assert recipe.title
    assert recipe.shows
    assert recipe.minutes is not None or "never trained" in recipe.expect


def test_the_recipes_that_are_promised_are_shipped() -> None:
    promised = {"dense", "digits", "photographs", "mnist-local", "mnist-conv", "lenet5"}
    assert promised <= set(recipe_names())


def test_dumping_leaves_out_defaults_and_absent_parts(small: Path) -> None:
    written = tomllib.loads(dump_recipe(load_recipe(small)))
    assert written == tomllib.loads(SMALL)


def test_a_whole_share_of_variance_stays_a_share() -> None:
    text = SMALL.replace('kind = "contrast"', 'kind = "pca"\nkeep = 1.0')
    (step,) = parse_recipe(dump_recipe(parse_recipe(text))).preprocess
    assert isinstance(step, PCASpec)
    assert isinstance(step.keep, float)


def test_an_unknown_key_is_named_with_its_stage_and_a_suggestion() -> None:
    assert refusal(SMALL.replace("size = 2", "sizee = 2")) == (
        "recipe x: stage 'strokes': unknown key pool.sizee; did you mean size? "
        "(known: kind, size, stride, padding, name)"
    )


def test_an_unknown_key_on_top_and_in_a_stage() -> None:
    assert "unknown key titel; did you mean title? (known: title, data" in refusal(
        f"titel = 'x'\n{SMALL}"
    )
    said = refusal(SMALL.replace('name   = "parts"', 'name = "parts"\nfilters = 3'))
    assert "stage 'parts': unknown key filters; did you mean filter?" in said


def test_a_value_out_of_range_is_named_with_its_bound() -> None:
    said = refusal(SMALL.replace("size = 2", "size = 0"))
    assert said == "recipe x: stage 'strokes': pool.size must be >= 1; got 0"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("size = 2", 'size = "2"', 'pool.size must be a whole number >= 1; got "2"'),
        ("size = 2", "size = 2.5", "pool.size must be a whole number >= 1; got 2.5"),
        ("size = 2", "size = true", "pool.size must be a whole number >= 1; got true"),
        ("size = 2", "size = [2]", "pool.size must be a whole number >= 1; got a list of 1"),
        (
            'kind = "l2"',
            'kind = "l3"',
            'pool.kind must be one of l2, max, avg, group, sheet; got "l3"',
        ),
        ('kind = "l2", ', "", "pool.kind is missing; it must be one of l2, max, avg, group, sheet"),
        (", size = 2", "", "pool.size is missing; it must be a whole number >= 1"),
        (
            '{ kind = "l2", size = 2 }',
            "7",
            "pool must be a table with kind = l2, max, avg, group, sheet; got 7",
        ),
        ("maps = 4", "maps = inf", "filter.maps must be a finite number; got inf"),
        ("maps = 4", f"maps = {10**30}", "filter.maps must be a number of at most 64 bits"),
    ],
)
def test_a_wrong_value_says_what_was_expected(old: str, new: str, said: str) -> None:
    assert refusal(SMALL.replace(old, new, 1)) == f"recipe x: stage 'strokes': {said}"


@pytest.mark.parametrize("name", ["a/b", "..", "a\\n", "", "-x", "x" * 65])
def test_a_name_that_is_no_file_name_is_refused(name: str) -> None:
    said = refusal(SMALL.replace("strokes", name))
    assert "name must be a name of at most 64 letters, digits, `_` and `-`" in said


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("[pretrain]\nbatch = 0", "recipe x: pretrain.batch must be >= 1; got 0"),
        ("[pretrain]\nclip = nan", "recipe x: pretrain.clip must be a finite number; got nan"),
        (
            '[pretrain]\nschedule = "gready"',
            'recipe x: pretrain.schedule must be one of greedy, greedy-then-joint, joint; got "gre',
        ),
        (
            '[pretrain]\nrate = { kind = "step", every = 1, factor = 1 }',
            "recipe x: pretrain.rate.factor must be > 0 and < 1; got 1",
        ),
        ("[finetune]\nfreeze = 3", "recipe x: `finetune.freeze` is 3, but there are 2 stages"),
        ("[finetune]\nstack_lr = 0", "recipe x: finetune.stack_lr must be > 0; got 0"),
        ("[finetune]\nhead = 1", "recipe x: finetune.head must be a table with kind"),
    ],
)
def test_a_wrong_value_outside_the_stages(added: str, said: str) -> None:
    assert refusal(f"{SMALL}\n{added}\n").startswith(said)


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("size = [1]", "data.size must be a list of 2, each a whole number >= 1; got a list of 1"),
        ('fit = "crop"', '`data.fit = "crop"` needs `data.size`'),
    ],
)
def test_a_mistake_in_the_data_is_named(added: str, said: str) -> None:
    text = SMALL.replace('source = "digits"', f'source = "digits"\n{added}')
    assert refusal(text) == f"recipe x: {said}"


def test_stages_that_are_no_list_are_refused() -> None:
    assert refusal("stages = { a = nan }") == "recipe x: stages.a must be a finite number; got nan"
    assert "stages must be a list, each item a table; got a table" in refusal(
        "title = 't'\nstages = { a = 1 }\n[data]\nsource = 'x'"
    )


def test_stages_of_one_name_are_refused() -> None:
    said = refusal(SMALL.replace('"parts"', '"strokes"'))
    assert said == "recipe x: two stages have the name 'strokes'; each needs its own"


def test_a_stage_without_a_name_is_counted() -> None:
    said = refusal(SMALL.replace('name   = "parts"\n', ""))
    assert said.startswith("recipe x: stage 2: name is missing")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title = \n", ":1:9: invalid value"),
        ('title = "x"\n[data\n', ":2:6: expected ']' at the end of a table declaration"),
        ('title = "x"\n[data]\nsource = "', ":3:11: unterminated string"),
        ("title = 'a'\ntitle = 'b'\n", ":2:12: cannot overwrite a value"),
    ],
)
def test_a_syntax_error_names_file_line_and_column(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert str(caught.value) == f"{path}{said}"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b"x" * (load.MAX_BYTES + 1), "is larger than"),
        (b"x = " + b"9" * 5000, "not readable as TOML"),
        (b"x = " + b"[" * 5000, "not readable as TOML"),
        (b"", "title is missing"),
    ],
    ids=["binary", "huge", "digits", "deep", "empty"],
)
def test_a_file_that_is_no_recipe(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(data)
    with pytest.raises(RecipeError, match=said) as caught:
        load_recipe(path)
    assert str(path) in str(caught.value)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(SMALL, encoding="utf-8-sig")
    assert load_recipe(path).title == "Small"


def test_an_unknown_name_is_answered_by_close_ones_or_by_all() -> None:
    with pytest.raises(UsageError, match=r"mnist-locl; did you mean mnist-local\? \(`featlearn r"):
        load_recipe("mnist-locl")
    with pytest.raises(UsageError, match=r"called xyz \(recipes: .*, lenet5, .*; `featlearn rec"):
        load_recipe("xyz")
    with pytest.raises(UsageError, match="did you mean digits"):
        recipe_text("digit")


@pytest.mark.parametrize("name", ["nowhere/x.toml", "x.toml", "no/such"])
def test_a_path_that_is_not_there_is_said_to_be_none(name: str) -> None:
    with pytest.raises(UsageError, match=f"there is no recipe file {name}"):
        load_recipe(name)


def test_a_folder_stands_for_the_recipe_inside(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"folder without a recipe\.toml"):
        load_recipe(tmp_path)
    (tmp_path / "recipe.toml").write_text(SMALL, encoding="utf-8")
    assert load_recipe(str(tmp_path)).title == "Small"


def test_a_shipped_name_goes_before_a_file_of_that_name(empty_folder: Path) -> None:
    (empty_folder / "digits").write_text(SMALL, encoding="utf-8")
    assert load_recipe("digits").title != "Small"
    assert load_recipe(Path("digits")).title == "Small"


class TestSource:
    def test_a_path_beside_the_recipe_becomes_absolute(self, small: Path) -> None:
        (small.parent / "pictures").mkdir()
        small.write_text(SMALL.replace('"digits"', '"pictures"'), encoding="utf-8")
        assert load_recipe(small).data.source == str(small.parent.resolve() / "pictures")

    def test_a_split_stays_at_its_end(self, small: Path) -> None:
        (small.parent / "x.npz").touch()
        small.write_text(SMALL.replace('"digits"', '"x.npz:test"'), encoding="utf-8")
        assert load_recipe(small).data.source == f"{small.parent.resolve() / 'x.npz'}:test"

    @pytest.mark.parametrize("source", [*KNOWN_SETS, "mnist:train", "not-there", "a\0b", "~nobody"])
    def test_a_known_name_and_what_is_not_there_stay(self, small: Path, source: str) -> None:
        for name in KNOWN_SETS:
            (small.parent / name).mkdir()
        small.write_text(
            small.read_text().replace("digits", source.replace("\0", "\\u0000")), encoding="utf-8"
        )
        assert load_recipe(small).data.source == source

    def test_an_override_counts_from_the_current_folder(
        self, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        elsewhere = tmp_path / "elsewhere"
        (elsewhere / "mine").mkdir(parents=True)
        monkeypatch.chdir(elsewhere)
        recipe = load_recipe(small, overrides=["data.source=mine"])
        assert recipe.data.source == os.fspath(elsewhere.resolve() / "mine")

    def test_other_images_are_found_beside_the_recipe_too(
        self, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Wherever one stands; an override begins there."""
        elsewhere = tmp_path / "elsewhere"
        for folder in (small.parent / "more", elsewhere / "more"):
            folder.mkdir(parents=True)
        semi = 'finetune.semi={ kind = "vat", source = "more" }'
        small.write_text(SMALL + "\n[finetune.semi]\nkind = 'vat'\nsource = 'more'\n", "utf-8")
        monkeypatch.chdir(elsewhere)
        for folder, overrides in ((small.parent, []), (elsewhere, [semi])):
            found = load_recipe(small, overrides=overrides).finetune.semi
            assert found is not None
            assert found.source == str(folder.resolve() / "more")

    def test_so_are_the_images_of_tasks(
        self, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (small.parent / "named").mkdir()
        (tmp_path / "elsewhere").mkdir()
        tasks = "\n[[tasks]]\nname = 'a'\n\n[[tasks]]\nname = 'b'\nsource = 'named'\n"
        small.write_text(SMALL + tasks, encoding="utf-8")
        named = str(small.parent.resolve() / "named")
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert [task.source for task in load_recipe(small).tasks] == [None, named]

    def test_the_known_names_are_the_catalogue_s(self) -> None:
        assert set(KNOWN_SETS) == set(KNOWN)
