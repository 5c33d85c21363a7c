"""Run `holdfast` as its users do: a process of its own, its own directory, nothing of this one's environment."""

import os
import subprocess
import sys
from pathlib import Path


def holdfast(place: Path, *words: str, status: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `holdfast WORDS` in `place` and give its output; any other exit status than `status` fails the test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "MAKE"))}
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", *words],
        cwd=place,
        env={**kept, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    return done
