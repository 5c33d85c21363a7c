"""The process that has the program loaded is gone before the tests are, and was waited for."""

import subprocess
import sys
from pathlib import Path

USE = """
import os, pathlib
from tests import warm

done = warm.run(["--version"], dict(os.environ), pathlib.Path.cwd())
assert done.returncode == 0, done.stderr
print(warm.warm()._process.pid)
"""


def test_it_ends_with_the_process_that_began_it() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", USE],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not Path("/proc", done.stdout.strip()).exists()
