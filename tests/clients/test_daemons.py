"""What ends a daemon's leftovers leaves everybody else alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.clients.daemons import daemon_directory, end_orphans
from tests.clients.programs import SYSTEM, find
from tests.serving import pause


def test_a_private_mount_namespace_is_not_a_container() -> None:
    with daemon_directory() as directory:
        subprocess.run(["mount", "--bind", directory / "run", directory / "run"], check=True)
        command = [str(find("unshare", *SYSTEM)), "--mount", "sleep", "60"]
        with subprocess.Popen(command) as bystander:
            try:
                for _ in range(500):
                    if Path(f"/proc/{bystander.pid}/cmdline").read_bytes().startswith(b"sleep"):
                        break
                    pause(0.01)
                assert str(directory) in Path(f"/proc/{bystander.pid}/mountinfo").read_text(encoding="utf-8")
                end_orphans(directory)
                pause(0.1)
                assert bystander.poll() is None, "a process that has nothing to do with the daemon was killed"
            finally:
                bystander.kill()
