"""Run `holdfast` as its users do: a process of its own, its own directory, nothing of this one's environment."""

import os
import subprocess
from pathlib import Path

from tests import warm


def holdfast(place: Path, *words: str, status: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `holdfast WORDS` in `place` and give its output; any other exit status than `status` fails the test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "MAKE"))}
    done = warm.run(words, {**kept, **environment}, place)
    assert done.returncode == status, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    return done
