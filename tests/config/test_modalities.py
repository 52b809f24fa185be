from pathlib import Path

import pytest

from featlearn.config.banks import DenseSpec
from featlearn.config.load import (
    dump_recipe,
    load_any_recipe,
    load_recipe,
    parse_recipe,
)
from featlearn.config.modalities import (
    FusionTrainingSpec,
    MultimodalRecipe,
    PairsSpec,
    one_modality,
)
from featlearn.errors import RecipeError, UsageError

TEXT = """
title = "two"
[[modalities]]
name = "image"
data = { source = "mnist" }
[[modalities.stages]]
name = "strokes"
filter = { kind = "dense", maps = 4 }
[[modalities]]
name = "sound"
data = { source = "fsdd" }
[[modalities.stages]]
name = "syllables"
filter = { kind = "dense", maps = 4 }
"""


def loaded(tmp_path: Path, text: str = TEXT, *sets: str) -> MultimodalRecipe:
    (tmp_path / "two.toml").write_text(text, encoding="utf-8")
    found = load_any_recipe(tmp_path / "two.toml", overrides=sets)
    assert isinstance(found, MultimodalRecipe)
    return found


def test_the_shipped_recipe_is_one_of_several_modalities() -> None:
    found = load_any_recipe("digits-av")
    assert isinstance(found, MultimodalRecipe)
    assert found.names == ["image", "sound"]
    assert found.pairs == PairsSpec(by="class")


def test_writing_and_reading_gives_the_same_recipe(tmp_path: Path) -> None:
    found = load_any_recipe("digits-av")
    assert isinstance(found, MultimodalRecipe)
    assert loaded(tmp_path, dump_recipe(found)) == found


def test_modalities_and_stages_are_addressed_by_name(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        TEXT,
        "modalities.sound.stages.syllables.filter.maps=9",
        "modalities.image.data.limit=50",
        "shared.code=7",
    )
    syllables = found.modalities[1].stages[0].filter
    assert isinstance(syllables, DenseSpec)
    assert syllables.maps == 9
    assert found.modalities[0].data.limit == 50
    assert found.shared.code == 7


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("modalities.smell.data.limit=5", r"unknown modality smell .known: image, sound."),
        ("modalities.image.stages.x.filter.maps=5", r"unknown stage x .known: strokes."),
        ("shared.kode=5", "unknown key shared.kode"),
    ],
)
def test_a_key_that_belongs_nowhere_is_named(tmp_path: Path, key: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        loaded(tmp_path, TEXT, key)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "sound"', 'name = "image"', "two modalities have the name 'image'"),
        ('name = "syllables"', 'name = "strokes"', "two stages have the name 'strokes'"),
        ('name = "syllables"', 'name = "shared"', "none is called 'shared'"),
        (
            '"dense", maps = 4 }\n[[modalities]]',
            '"dense", maps = 0 }\n[[modalities]]',
            r"modality 'image': stage 'strokes': filter\.maps must be >= 1",
        ),
        (
            'data = { source = "fsdd" }',
            'data = { source = "fsdd", audio = { kind = "log-mel", low = 5000 } }',
            r"modality 'sound': data\.audio: `low` must lie below `high`",
        ),
        (
            'data = { source = "fsdd" }',
            'data = { source = "fsdd", audio = { kind = "cepstral", coefficients = 99 } }',
            "`coefficients` must be at most `bands`",
        ),
        (
            'data = { source = "fsdd" }',
            'data = { source = "fsdd" }\ncopies = 3',
            "`copies` are changed ones",
        ),
        (
            'data = { source = "fsdd" }',
            'data = { source = "fsdd" }\naugment = [{ kind = "mixup" }]',
            "'mixup', which mixes samples",
        ),
        (
            'data = { source = "fsdd" }',
            'data = { source = "fsdd" }\nsise = 3',
            r"modality 'sound': unknown key sise",
        ),
    ],
)
def test_what_does_not_go_together_names_where(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert TEXT.count(old) == 1
    with pytest.raises(RecipeError, match=said):
        loaded(tmp_path, TEXT.replace(old, new))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[shared]\naugment = [{ kind = 'flip' }]", "belongs to each of"),
        ("[finetune]\naugment = [{ kind = 'flip' }]", "belongs to each of"),
        ("[finetune]\npatience = 3", "holds no labels out"),
    ],
)
def test_keys_of_training_that_belong_elsewhere_are_refused(
    tmp_path: Path, table: str, said: str
) -> None:
    with pytest.raises(RecipeError, match=said):
        loaded(tmp_path, f"{TEXT}\n{table}")


def test_one_modality_alone_is_none_of_several(tmp_path: Path) -> None:
    first = TEXT.split('[[modalities]]\nname = "sound"', maxsplit=1)[0]
    with pytest.raises(RecipeError, match="modalities"):
        loaded(tmp_path, first)


def test_what_is_about_one_stack_refuses_several_modalities(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"several modalities \(image, sound\)"):
        load_recipe("digits-av")
    with pytest.raises(RecipeError, match="describes several modalities"):
        parse_recipe(TEXT)


def test_each_modality_has_a_recipe_of_its_own(tmp_path: Path) -> None:
    recipe = one_modality(loaded(tmp_path), 1)
    assert recipe.data.source == "fsdd"
    assert [stage.name for stage in recipe.stages] == ["syllables"]


def test_a_relative_source_lies_beside_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    found = loaded(tmp_path, TEXT.replace('"fsdd"', '"sounds"'))
    assert found.modalities[1].data.source == str(tmp_path / "sounds")


def test_a_head_is_late_unless_said_otherwise() -> None:
    assert FusionTrainingSpec().head.__struct_config__.tag == "late"
