"""Real object stores for tests, started once per test process, when first needed.

Promises: loopback only, on a free port; each call of `bucket` gives a bucket that nobody else uses; everything is ended
and removed when the test process exits. Each process of pytest-xdist has servers of its own. A program that is missing
skips the test and says how to get it.
"""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from unittest.mock import patch

import obstore
import pytest
from obstore.store import S3Store
from tests.backends import free_port, program, reachable, until

from holdfast.blobs.objects import ObjectBlobs, open_object_store

REGION = "us-east-1"
_number = itertools.count()


@dataclass(frozen=True, slots=True)
class Bucket:
    """A fresh bucket: its address as a user writes it, and the environment that holds the credentials."""

    url: str
    environment: dict[str, str]
    directory: Path | None = None
    """Where the server keeps it, if it keeps it in files."""

    def store(self, *, public_endpoint: str | None = None) -> ObjectBlobs:
        """A store in it, not yet opened."""
        with patch.dict(os.environ, self.environment):
            return open_object_store(self.url, public_endpoint=public_endpoint)

    def at(self, endpoint: str) -> Bucket:
        """The same bucket reached through another address, as through a proxy."""
        place, _, query = self.url.partition("?")
        rest = [each for each in query.split("&") if not each.startswith("endpoint=")]
        return Bucket(f"{place}?{'&'.join([f'endpoint={endpoint}', *rest])}", self.environment, self.directory)

    @property
    def endpoint(self) -> str:
        """Where its server answers."""
        return self.url.partition("endpoint=")[2].partition("&")[0]

    def parts(self) -> list[Path]:
        """The files of uploads in parts that were neither finished nor given up."""
        assert self.directory is not None
        return [path for path in (self.directory / ".sgwtmp").rglob("*") if path.is_file()]


@dataclass
class VersityServer:
    """versitygw over files: an S3 server."""

    port: int = field(default_factory=free_port)
    directory: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="holdfast-s3-")))
    _process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests-secret", "AWS_REGION": REGION}

    def start(self) -> VersityServer:
        """Start, and wait until it answers."""
        command = [program("versitygw"), "--port", f"127.0.0.1:{self.port}", "--region", REGION, "--keep-alive"]
        command += ["--quiet", "--noacl", "--health", "/health", "posix", str(self.data)]
        self.data.mkdir(exist_ok=True)
        keys = {"ROOT_ACCESS_KEY": "tests", "ROOT_SECRET_KEY": "tests-secret"}
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(command, env={**os.environ, **keys}, stdout=log, stderr=log)
        until(self._answers, "an answer of versitygw")
        return self

    @property
    def data(self) -> Path:
        return self.directory / "buckets"

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.directory / "log").read_text()[-2000:]
        try:
            with urllib.request.urlopen(f"{self.endpoint}/health", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        """End it, as a crash does; what it holds stays."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def bucket(self, prefix: str = "some/where") -> Bucket:
        """A fresh bucket."""
        name = f"bucket-{next(_number)}"
        (self.data / name).mkdir()
        place = f"s3://{name}/{prefix}" if prefix else f"s3://{name}"
        url = f"{place}?endpoint={self.endpoint}&region={REGION}"
        return Bucket(url, self.environment, self.data / name)

    def remove(self) -> None:
        """End the server and delete what it kept."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


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
        name = f"bucket-{next(_number)}"
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


@cache
def s3_server() -> VersityServer:
    """The S3 server of this test process."""
    server = VersityServer()
    atexit.register(server.remove)
    return server.start()


def bucket() -> Bucket:
    """A fresh bucket of the S3 server."""
    return s3_server().bucket()


def strict_bucket() -> Bucket:
    """A fresh bucket of the other, stricter S3 server. Skips the test where Ceph is not on this machine."""
    return rados_server().bucket()


@cache
def rados_server() -> RadosServer:
    """Ceph's gateway of this test process."""
    server = RadosServer()
    atexit.register(server.remove)
    return server.start()
