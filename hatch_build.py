"""Puts the console's third-party script into the wheel: it comes from npm while the wheel is built, never from git."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WITHOUT = "HOLDFAST_WHEEL_WITHOUT_SCRIPT"


class ScriptHook(BuildHookInterface):
    """Brings the files before hatchling collects what goes into the wheel."""

    def initialize(self, version: str, build_data: dict[str, object]) -> None:
        """Bring them, or end the build saying what is missing. Not for an editable install: `make` sees to a clone."""
        if version == "editable" or os.environ.get(WITHOUT) == "1":
            return
        sys.path.insert(0, str(Path(self.root)))
        try:
            from tools import vendor
        finally:
            sys.path.pop(0)
        try:
            vendor.bring(Path(self.root))
        except vendor.Unavailable as why:
            sys.exit(f"The wheel needs the script of the console: {why}. With {WITHOUT}=1 it is built without.")
