"""Keys of a recipe that do not go together, or mean nothing."""

import pytest

from featlearn.config.load import (
    dump_recipe,
    parse_recipe,
)
from featlearn.config.pieces import EluSpec
from tests.config.small import SMALL, refusal


@pytest.mark.parametrize(
    ("own", "instead"), [("epochs = 3", "epochs"), ("lr = 0.1", "optimizer.lr")]
)
def test_a_joint_schedule_has_no_room_for_a_stage_s_own_epochs_or_rate(
    own: str, instead: str
) -> None:
    text = SMALL.replace('name   = "parts"', f'name   = "parts"\n{own}')
    assert parse_recipe(text, title="recipe x").stages[1].name == "parts"
    both = '[pretrain]\nschedule = "greedy-then-joint"\n'
    assert parse_recipe(f"{text}\n{both}", title="recipe x").stages[1].name == "parts"
    said = refusal(f'{text}\n[pretrain]\nschedule = "joint"\n')
    key, _, _ = own.partition(" ")
    assert said.startswith(f"recipe x: stage 'parts' has its own `{key}`, but `pretrain.schedule`")
    assert said.endswith(f"set `pretrain.{instead}` instead")


def test_emphasis_needs_inputs_that_are_untouched() -> None:
    noise = 'kind = "denoising", corruption = { kind = "gaussian" }'
    emphasis = "emphasis = { corrupted = 2, untouched = 0.5 }"
    text = SMALL.replace("pool   =", f"objective = {{ {noise}, {emphasis} }}\npool   =")
    said = refusal(text)
    assert said.startswith("recipe x: stage 'strokes': ")
    assert "`gaussian` noise leaves none untouched: take `mask` or `salt-pepper`" in said
    parse_recipe(text.replace('"gaussian"', '"mask"'), title="recipe x")


def test_batch_normalisation_over_single_positions_needs_more_than_one_image() -> None:
    stage = 'filter = { kind = "dense", maps = 9 }'
    text = SMALL.replace(stage, f'{stage}\nnorm = {{ kind = "batch" }}')
    said = refusal(f"{text}\n[finetune]\nbatch = 1\n")
    assert said.startswith("recipe x: stage 'parts' has batch normalisation over single positions")
    assert said.endswith("needs `finetune.batch` above 1")
    parse_recipe(f"{text}\n[finetune]\nbatch = 1\nfreeze = 2\n", title="recipe x")
    # Neither greedy training nor the last stage's own takes batch statistics.
    parse_recipe(f"{text}\n[pretrain]\nbatch = 1\n", title="recipe x")
    joint = '[pretrain]\nbatch = 1\nschedule = "joint"\n'
    parse_recipe(f"{text}\n{joint}", title="recipe x")
    more = f'[[stages]]\nname = "top"\n{stage}\n'
    assert refusal(f"{text}\n{more}\n{joint}").endswith("needs `pretrain.batch` above 1")


def test_a_contradiction_within_a_stage_names_the_stage() -> None:
    said = refusal(SMALL.replace("pool   =", "patches = { size = 3 }\npool   ="))
    assert said.startswith("recipe x: stage 'strokes': `patches` need a filter that is the same")


@pytest.mark.parametrize(
    ("activation", "said"),
    [
        ('"rulu"', "activation must be one of abs, elu, identity"),
        ('{ kind = "elu", slope = 1 }', "unknown key activation.slope"),
        ('{ kind = "leaky-relu", slope = 1.5 }', "activation.slope must be >= 0 and < 1; got 1.5"),
    ],
)
def test_an_activation_is_a_name_or_a_table_of_its_kind(activation: str, said: str) -> None:
    line = 'pool   = { kind = "l2", size = 2 }'
    assert line in SMALL
    text = SMALL.replace(line, f"activation = {activation}")
    assert refusal(text).startswith(f"recipe x: stage 'strokes': {said}")
    spelled = SMALL.replace(line, 'activation = { kind = "elu", alpha = 0.5 }')
    assert parse_recipe(spelled).stages[0].activation == EluSpec(alpha=0.5)
    assert parse_recipe(dump_recipe(parse_recipe(spelled))) == parse_recipe(spelled)


def test_groups_divide_the_maps_of_the_filter() -> None:
    said = refusal(SMALL.replace("maps = 4", "maps = 4, groups = 3"))
    assert said == "recipe x: stage 'strokes': filter: `groups` must divide `maps` (4); got 3"


@pytest.mark.parametrize("key", ["stride = 2", 'padding = "same"'])
def test_a_dense_filter_without_a_size_is_not_moved(key: str) -> None:
    name, _, _ = key.partition(" ")
    said = refusal(SMALL.replace("maps = 9", f"maps = 9, {key}"))
    assert said == (
        "recipe x: stage 'parts': filter: a dense filter without a `size` sees everything at "
        f"once, so it has no `{name}`: give it a `size`, or leave `{name}` out"
    )
    parse_recipe(SMALL.replace("maps = 9", f"maps = 9, size = 1, {key}"))
    parse_recipe(SMALL.replace("maps = 9", 'maps = 9, stride = 1, padding = "valid"'))


def test_patches_under_a_dense_filter_are_seen_by_one_window() -> None:
    stage = 'maps = 9, size = 2, padding = "same" }\npatches = { size = 2 }'
    assert refusal(SMALL.replace("maps = 9 }", stage)) == (
        "recipe x: stage 'parts': `patches` under a dense filter are each seen by one window, "
        'which has no border to pad: leave `filter.padding` at "valid"'
    )
    parse_recipe(SMALL.replace("maps = 9 }", stage.replace("same", "valid")))


def test_an_error_averaged_over_positions_needs_positions() -> None:
    objective = 'objective = { kind = "plain", average_positions = true }'
    said = refusal(SMALL.replace("maps = 9 }", f"maps = 9 }}\n{objective}"))
    assert said.startswith("recipe x: stage 'parts': `objective.average_positions` is for filters")
    parse_recipe(SMALL.replace("maps = 9 }", f"maps = 9, size = 2 }}\n{objective}"))
    parse_recipe(SMALL.replace("pool   =", f"{objective}\npool   ="))


@pytest.mark.parametrize("table", ["pretrain", "finetune"])
def test_a_kind_of_change_is_named_once(table: str) -> None:
    one, other = '{ kind = "flip" }', '{ kind = "shift" }'
    text = f"{SMALL}\n[{table}]\naugment = [{one}, {other}]\n"
    parse_recipe(text)
    assert refusal(text.replace(other, f"{other}, {one}")) == (
        f"recipe x: {table}: `augment` names the kind 'flip' twice; once is enough"
    )


def test_mixing_labels_is_for_fine_tuning() -> None:
    text = f'{SMALL}\n[finetune]\naugment = [{{ kind = "mixup" }}]\n'
    parse_recipe(text)
    assert refusal(text.replace("finetune", "pretrain")) == (
        "recipe x: pretrain: `augment` has the kind 'mixup', which mixes labels too, and "
        "pre-training has none: it belongs to `finetune.augment`"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('"colour", brightness = 1', "brightness must be >= 0 and < 1; got 1"),
        ('"colour", saturation = -0.1', "saturation must be >= 0 and < 1; got -0.1"),
        ('"colour", hue = 181', "hue must be >= 0 and <= 180; got 181"),
        ('"contrast", amount = 1.0', "amount must be >= 0 and < 1; got 1.0"),
        ('"blur", sigma = 33', "sigma must be >= 0 and <= 32; got 33"),
        ('"cut-out", size = 0', "size must be >= 1; got 0"),
        ('"mixup", alpha = 0', "alpha must be > 0; got 0"),
    ],
)
def test_amounts_of_augmentation_have_bounds(change: str, said: str) -> None:
    text = f"{SMALL}\n[finetune]\naugment = [{{ kind = {change} }}]\n"
    assert refusal(text) == f"recipe x: finetune.augment.0.{said}"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("maps = 9 }", 'maps = 9 }\nnorm = { kind = "batch", momentum = 1.5 }',
         "stage 'parts': norm.momentum must be > 0 and <= 1; got 1.5"),
        ('title = "Small"', 'title = "Small"\nminutes = 0', "minutes must be > 0; got 0"),
    ],
)  # fmt: skip
def test_a_number_that_means_nothing_is_refused(old: str, new: str, said: str) -> None:
    assert refusal(SMALL.replace(old, new)) == f"recipe x: {said}"
