"""The floors of the house and its fences, as import-linter keeps them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHECK = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"


def test_imports_keep_to_the_floors() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHECK], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert f"Contracts: {len(contracts)} kept, 0 broken" in done.stdout


def test_every_room_has_its_fences() -> None:
    """A fence that names the rooms it holds for must name every room but those inside it."""
    rooms = {path.name for path in (ROOT / "src" / "holdfast").iterdir() if (path / "__init__.py").exists()}
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    inside = {
        "Fence: the database drivers stay in db": {"db"},
        "Fence: the object store library stays in one file of blobs": {"blobs"},
        "Fence: the web server stays in app": {"app"},
        "Fence: the command-line toolkit stays in cli": {"cli"},
        "Fence: password hashing stays in access": {"access"},
        "Fence: token libraries stay in access": {"access"},
        "Fence: templates stay in web": {"web"},
        "Fence: the library of metrics pages stays in app": {"app"},
    }
    named = {each["name"]: each for each in contracts}
    assert set(inside) <= set(named)
    for name, allowed in inside.items():
        assert {module.removeprefix("holdfast.") for module in named[name]["source_modules"]} == rooms - allowed
