"""The console's third-party script: into the wheel and into a clone, from npm alone, and never by halves."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools import vendor

ROOT = vendor.ROOT
LOCK = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))


def clone(place: Path) -> Path:
    """What a wheel is built of, without what git ignores."""
    for name in ("package.json", "package-lock.json", "hatch_build.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, place / name)
    shutil.copy2(ROOT / ".gitignore", place / ".gitignore")
    (place / "tools").mkdir()
    shutil.copy2(ROOT / "tools/vendor.py", place / "tools/vendor.py")
    package = place / "src/holdfast"
    shutil.copytree(ROOT / "src/holdfast/web", package / "web", ignore=shutil.ignore_patterns("__pycache__", "vendor"))
    shutil.copytree(ROOT / "src/holdfast/cli/shell", package / "cli/shell")
    shutil.copy2(ROOT / "src/holdfast/__init__.py", package / "__init__.py")
    return place


def build(place: Path, **env: str) -> subprocess.CompletedProcess[str]:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "wheel", "--no-deps"]
    return subprocess.run(
        [*pip, "--no-build-isolation", "--wheel-dir", str(place / "dist"), str(place)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, **env},
    )


def without_npm(place: Path) -> str:
    """A PATH on which there is no npm."""
    empty = place / "bin"
    empty.mkdir()
    return str(empty)


def test_the_lock_file_pins_with_integrity_and_names_no_address() -> None:
    packages = {name: about for name, about in LOCK["packages"].items() if name}
    assert set(packages) == {"node_modules/htmx.org", "node_modules/axe-core"}
    for about in packages.values():
        assert about["integrity"].startswith("sha512-")
    assert "://" not in (ROOT / "package-lock.json").read_text() + (ROOT / "package.json").read_text()
    wanted = json.loads((ROOT / "package.json").read_text())
    assert wanted["dependencies"] == {"htmx.org": packages["node_modules/htmx.org"]["version"]}


def test_nothing_of_others_is_in_git() -> None:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is no checkout")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "/vendor/" not in listed
    assert "node_modules" not in listed


def test_what_is_right_is_left_alone_and_what_is_wrong_is_not_laid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, body = tmp_path, b"the script"
    wanted = vendor.Vendored("a/b.js", "b.js", hashlib.sha256(body).hexdigest())
    monkeypatch.setattr(vendor, "FILES", (wanted,))
    monkeypatch.setenv("PATH", without_npm(tmp_path))
    with pytest.raises(vendor.Unavailable, match="apt-get install npm"):
        vendor.bring(root)
    (root / "node_modules/a").mkdir(parents=True)
    (root / "node_modules/a/b.js").write_bytes(body)
    assert vendor.bring(root)
    laid = vendor.place(root) / "b.js"
    before = laid.stat().st_mtime_ns
    assert not vendor.bring(root)
    assert laid.stat().st_mtime_ns == before
    (root / "node_modules/a/b.js").write_bytes(b"another")
    laid.write_bytes(b"half")
    with pytest.raises(vendor.Unavailable):
        vendor.bring(root)
    assert laid.read_bytes() == b"half"


def test_a_clone_without_npm_goes_on_and_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(vendor, "is_here", lambda root=ROOT: False)
    monkeypatch.setattr(vendor, "FILES", (vendor.Vendored("no/such", "file", ""),))
    monkeypatch.setenv("PATH", without_npm(tmp_path))
    assert vendor.main(or_say=True) == 0
    assert "apt-get install npm" in capsys.readouterr().err
    assert vendor.main(or_say=False) == 1


def test_the_wheel_holds_it_with_its_licence(tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("there is no npm on this machine")
    done = build(clone(tmp_path))
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for each in vendor.FILES:
            body = archive.read(f"holdfast/web/assets/vendor/{each.name}")
            assert hashlib.sha256(body).hexdigest() == each.sha256


def test_a_wheel_without_it_is_made_only_when_asked_for(tmp_path: Path) -> None:
    place = clone(tmp_path)
    path = without_npm(tmp_path)
    refused = build(place, PATH=path)
    assert refused.returncode != 0
    assert "apt-get install npm" in refused.stderr
    done = build(place, PATH=path, HOLDFAST_WHEEL_WITHOUT_SCRIPT="1")
    assert done.returncode == 0, done.stderr
    (wheel,) = (place / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert not any("vendor" in name for name in archive.namelist())
