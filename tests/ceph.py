"""radosgw, Ceph's S3 server: stricter than the one that most tests use, and slower to start."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import urllib.request
import uuid
from datetime import timedelta
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store
from tests.backends import reachable, until
from tests.buckets import REGION, Bucket, numbers
from tests.ports import free_port

_CEPH = """\
[global]
fsid = {fsid}
mon host = {monitor}
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
ms mon service mode = crc
ms mon cluster mode = crc
ms client mode = crc
ms service mode = crc
ms cluster mode = crc
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 2000
osd crush update on start = false
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 4294967296
mon data avail warn = 1
mon data avail crit = 1
mon data = {at}/mon
osd data = {at}/osd
rgw data = {at}/rgw
run dir = {at}
admin socket = {at}/$name.asok
pid file = {at}/$name.pid
log file = {at}/$name.log
keyring = {at}/keyring
[client.rgw]
rgw frontends = beast endpoint={endpoint}
"""


class RadosServer:
    """radosgw over a Ceph of one monitor and one store in memory: a second S3 server, stricter than the first."""

    PROGRAMS = ("monmaptool", "ceph-mon", "ceph-osd", "ceph", "radosgw-admin", "radosgw")

    def __init__(self) -> None:
        missing = [name for name in self.PROGRAMS if shutil.which(name) is None]
        if missing:
            pytest.skip(f"{', '.join(missing)}: not on this machine; Debian has radosgw, ceph-mon and ceph-osd")
        self.port, self._monitor = free_port(), free_port()
        self.directory = Path(tempfile.mkdtemp(prefix="holdfast-rgw-"))
        self.environment = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests-secret", "AWS_REGION": REGION}
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> RadosServer:
        """Lay a Ceph and start its gateway; takes about twelve seconds."""
        cluster, disk = str(uuid.uuid4()), str(uuid.uuid4())
        at, monitor = self.directory, f"[v2:127.0.0.1:{self._monitor}]"
        for name in ("mon", "osd", "rgw"):
            (at / name).mkdir()
        (at / "keyring").touch()
        (at / "ceph.conf").write_text(_CEPH.format(fsid=cluster, monitor=monitor, at=at, endpoint=self.endpoint[7:]))
        self._run("monmaptool", "--create", "--fsid", cluster, "--addv", "a", monitor, str(at / "monmap"))
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", str(at / "monmap"))
        self._spawn("ceph-mon", "-f", "-i", "a")
        self._run("ceph", "--connect-timeout", "30", "osd", "new", disk)
        self._run("ceph", "--connect-timeout", "30", "osd", "crush", "add", "osd.0", "1", "root=default")
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", disk)
        self._spawn("ceph-osd", "-f", "-i", "0")
        keys = ("--access-key=tests", "--secret=tests-secret")
        self._run("radosgw-admin", "-n", "client.rgw", "user", "create", "--uid=tests", "--display-name=tests", *keys)
        self._spawn("radosgw", "-f", "-n", "client.rgw")
        until(lambda: reachable(self.port), "an answer of radosgw")
        return self

    def _run(self, *command: str) -> None:
        done = subprocess.run(self._configured(command), capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"

    def _spawn(self, *command: str) -> None:
        with (self.directory / f"{command[0]}.out").open("ab") as log:
            self._processes.append(subprocess.Popen(self._configured(command), stdout=log, stderr=log))

    def _configured(self, command: tuple[str, ...]) -> list[str]:
        conf = [] if command[0] == "monmaptool" else ["-c", str(self.directory / "ceph.conf")]
        return [command[0], *conf, *command[1:]]

    def bucket(self, prefix: str = "some/where") -> Bucket:
        """A fresh bucket; made by a signed address, for the library makes none."""
        name = f"bucket-{next(numbers)}"
        client = S3Store(
            name,
            endpoint=self.endpoint,
            region=REGION,
            access_key_id="tests",
            secret_access_key="tests-secret",
            client_options={"allow_http": True},
        )
        address = obstore.sign(client, "PUT", "", timedelta(seconds=60))
        with urllib.request.urlopen(urllib.request.Request(address, data=b"", method="PUT"), timeout=60) as answer:
            assert answer.status == 200
        return Bucket(f"s3://{name}/{prefix}?endpoint={self.endpoint}&region={REGION}", self.environment)

    def remove(self) -> None:
        """End the processes and delete what they kept."""
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
