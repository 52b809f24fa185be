"""The network of 2012 in small: learned in a few steps here, and shown stage by stage."""

from pathlib import Path

import pytest

from featlearn.config.load import load_recipe
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.report import report


@pytest.mark.slow
@pytest.mark.data("natural-bsds500")
@pytest.mark.usefixtures("few_units")
def test_the_small_one_learns_and_shows_units_of_all_three_stages(
    tmp_path: Path, data_root: Path
) -> None:
    few = ["data.limit=8", "data.crops=5", "pretrain.epochs=2", "pretrain.batch=10"]
    recipe = load_recipe("catnet-small", overrides=few)
    result = pretrain(recipe, out=tmp_path / "run", root=data_root, device="cpu")
    (phase,) = result.phases
    assert phase.name == "joint"
    assert phase.held_out is not None
    names = [
        f"{stage}.{term}"
        for stage in ("first", "second", "third")
        for term in ("reconstruction", "pooling")
    ]
    assert list(phase.held_out) == [*names, "loss"]
    page = Path(report([tmp_path / "run"], root=data_root).report).read_text("utf-8")
    assert "8 local filters at the central position, 9×9 in colour" in page
    assert page.count("What the central unit of each of 8 maps adds to the image") >= 2
