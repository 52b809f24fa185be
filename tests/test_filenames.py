"""The names of files are those that the guide promises and that commands write."""

import re
from pathlib import Path

from featlearn import filenames
from featlearn.filenames import OWN_FILES, SEARCH_FILES
from featlearn.training.rundir import RunDirectory, SearchFolder

NAMES = {
    name: value
    for name, value in vars(filenames).items()
    if isinstance(value, str) and name.isupper()
}
GUIDE = Path(__file__).parents[1] / "docs" / "guide.md"


def test_the_run_directory_has_them() -> None:
    run = RunDirectory("run")
    head = run.head("own")
    assert [run.recipe_file, run.model_file, run.metrics_file, run.results_file] == [
        run.path / name
        for name in (filenames.RECIPE, filenames.MODEL, filenames.METRICS, filenames.RESULTS)
    ]
    assert [run.identity_file, run.card_file, run.checkpoints, run.events] == [
        run.path / name
        for name in (filenames.IDENTITY, filenames.CARD, filenames.CHECKPOINTS, filenames.EVENTS)
    ]
    assert head.path == run.path / filenames.HEADS / "own"
    assert [head.labels_file, head.evaluation_file] == [
        head.path / name for name in (filenames.LABELS, filenames.EVALUATION)
    ]
    apart = {filenames.PAGE, filenames.COMPARISON, *(set(SEARCH_FILES) - set(OWN_FILES))}
    assert set(OWN_FILES) == set(NAMES.values()) - apart


def test_the_folder_of_a_search_has_them() -> None:
    folder = SearchFolder("s")
    own = [folder.metrics_file, folder.best_file, folder.figure_file, folder.pretrained]
    shared = [folder.results_file, folder.recipe_file, folder.identity_file]
    names = [path.relative_to("s").as_posix() for path in [*own, *shared]]
    assert set(SEARCH_FILES) == {*names, f"{filenames.SEARCH}-journal"}
    assert SEARCH_FILES[-1] == filenames.IDENTITY
    page = GUIDE.with_name("search.md").read_text(encoding="utf-8")
    assert all(f"OUT/{name}" in page for name in names)


def test_no_other_module_of_the_library_spells_them() -> None:
    package = Path(filenames.__file__).parent
    # Words that mean other things too are left out.
    unmistakable = [name for name in NAMES.values() if "." in name]
    spelled = re.compile(f'"({"|".join(map(re.escape, unmistakable))})"')
    found = {
        (str(path.relative_to(package)), match[1])
        for path in {*package.rglob("*.py")} - {package / "filenames.py"}
        for match in spelled.finditer(path.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_the_guide_lists_those_of_a_run() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    for name in OWN_FILES:
        assert name in guide, name
