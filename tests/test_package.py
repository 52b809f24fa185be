import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

import featlearn

ROOT = Path(__file__).resolve().parents[1]
LAZY = [name for name in featlearn.__all__ if name != "__version__"]


def test_importing_the_package_loads_no_heavy_module() -> None:
    code = "import sys, featlearn; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    )
    loaded = {name.partition(".")[0] for name in result.stdout.split()}
    assert "featlearn" in loaded
    assert loaded.isdisjoint({"torch", "numpy", "sklearn", "matplotlib", "msgspec", "rich"})


@pytest.mark.parametrize("name", LAZY)
def test_every_public_name_resolves(name: str) -> None:
    assert callable(getattr(featlearn, name))


def test_public_names_are_imported_for_type_checkers_from_the_module_they_load_from() -> None:
    tree = ast.parse((ROOT / "featlearn" / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    names = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in imports
        for alias in node.names
    }
    loaded = {
        name: (featlearn._HOMES[name], featlearn._NAMES_AT_HOME.get(name, name)) for name in LAZY
    }
    assert names == loaded


def test_no_public_name_is_a_subpackage() -> None:
    # Importing a submodule binds its name on the package, and would hide the public one.
    rooms = {path.stem for path in (ROOT / "featlearn").iterdir()}
    assert rooms.isdisjoint(LAZY)


def test_dir_lists_what_is_not_yet_loaded() -> None:
    assert set(featlearn.__all__) <= set(dir(featlearn))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'pretrian'"):
        _ = featlearn.pretrian


def _setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


def test_setup_cfg_lists_every_package() -> None:
    listed = set(_lines(_setup()["options"]["packages"]))
    found = {
        ".".join(file.parent.relative_to(base).parts)
        for base, package in ((ROOT, "featlearn"), (ROOT / "cli", "featlearn_cli"))
        for file in (base / package).rglob("__init__.py")
    }
    assert listed == found


def test_setup_cfg_ships_every_file_that_is_not_code() -> None:
    patterns: dict[str, str] = dict(_setup()["options.package_data"])
    shipped: set[Path] = set()
    for package, globs in patterns.items():
        base = ROOT / "cli" if package.startswith("featlearn_cli") else ROOT
        for pattern in _lines(globs):
            shipped.update((base / package.replace(".", "/")).glob(pattern))
    found = {
        path
        for folder in (ROOT / "featlearn", ROOT / "cli" / "featlearn_cli")
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    assert found == shipped


def test_every_dependency_is_pinned_for_the_tests() -> None:
    setup = _setup()
    wanted = [*_lines(setup["options"]["install_requires"])]
    for extra in setup["options.extras_require"].values():
        wanted += _lines(extra)
    pinned = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    )
    assert all(re.fullmatch(r"\d+(\.\d+)*", version) for version in pinned.values())
    names = {re.split(r"[\[><=]", line)[0] for line in wanted}
    assert {_normal(name) for name in names} <= {_normal(name) for name in pinned}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_python_that_scripts_accept_is_the_package_s() -> None:
    required = _setup()["options"]["python_requires"].removeprefix(">=")
    script = (ROOT / "scripts" / "lib" / "environment.sh").read_text(encoding="utf-8")
    numbers = ", ".join(required.split("."))
    assert f"({numbers})" in script
    assert required in script
