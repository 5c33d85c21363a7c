"""Somebody at a terminal who types client verbs: a process a verb, with a configuration of his own."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import warm

_OURS = ("HOLDFAST_", "MAKE", "XDG_", "SSL_", "http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY")


@dataclass
class Shell:
    """A home directory and an environment."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *words: str, stdin: str | None = None, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Type `holdfast WORDS`; any other exit status than `status` fails the test."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        his = {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / "config"), **self.environment}
        done = warm.run(words, {**kept, **his}, self.home, given=stdin or "")
        assert done.returncode == status, f"{words}: status {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def says(self, *words: str, stdin: str | None = None) -> str:
        """What a verb prints on standard output."""
        return self.run(*words, stdin=stdin).stdout

    def refused(self, *words: str, stdin: str | None = None, status: int = 1) -> str:
        """What a verb that is refused says on standard error."""
        return self.run(*words, stdin=stdin, status=status).stderr

    def json(self, *words: str, stdin: str | None = None) -> Any:
        """What a verb answers to a program."""
        return json.loads(self.says(*words, "--json", stdin=stdin))

    @property
    def contexts(self) -> Path:
        """Where log-ins are kept."""
        return self.home / "config" / "holdfast" / "contexts.json"
