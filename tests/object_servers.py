"""Real object stores for tests, started once per test process, when first needed.

Promises: loopback only, on a free port; each call of `bucket` gives a bucket that nobody else uses; everything is ended
and removed when the test process exits. Each process of pytest-xdist has servers of its own. A program that is missing
skips the test and says how to get it.
"""

from __future__ import annotations

import atexit
import base64
import hmac
import os
import shutil
import subprocess
import tempfile
import urllib.request
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cache
from pathlib import Path

from tests.backends import program, reachable, until
from tests.buckets import REGION, Bucket, numbers
from tests.ceph import RadosServer
from tests.gcs import GoogleStandIn
from tests.ports import free_port


@dataclass
class VersityServer:
    """versitygw over files: an S3 server. With `tls`, a certificate and its key, it speaks HTTPS."""

    tls: tuple[Path, Path] | None = None
    port: int = field(default_factory=free_port)
    directory: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="holdfast-s3-")))
    _process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests-secret", "AWS_REGION": REGION}

    def start(self) -> VersityServer:
        """Start, and wait until it answers."""
        command = [program("versitygw"), "--port", f"127.0.0.1:{self.port}", "--region", REGION, "--keep-alive"]
        if self.tls is not None:
            command += ["--cert", str(self.tls[0]), "--key", str(self.tls[1])]
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
        return reachable(self.port)

    def stop(self) -> None:
        """End it, as a crash does; what it holds stays."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def bucket(self, prefix: str = "some/where") -> Bucket:
        """A fresh bucket."""
        name = f"bucket-{next(numbers)}"
        (self.data / name).mkdir()
        place = f"s3://{name}/{prefix}" if prefix else f"s3://{name}"
        url = f"{place}?endpoint={self.endpoint}&region={REGION}"
        return Bucket(url, self.environment, self.data / name)

    def remove(self) -> None:
        """End the server and delete what it kept."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


class AzuriteServer:
    """Azurite: a server that speaks Azure Blob Storage."""

    KEY = base64.b64encode(b"a key of the tests, not a secret").decode()

    def __init__(self) -> None:
        self.port = free_port()
        self.environment = {"AZURE_STORAGE_ACCOUNT_KEY": self.KEY}
        self._program = program("azurite-blob")
        self._directory = tempfile.mkdtemp(prefix="holdfast-az-")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/tests"

    def start(self) -> AzuriteServer:
        """Start, and wait until it listens."""
        command = [self._program, "--silent", "--skipApiVersionCheck", "--disableTelemetry", "--inMemoryPersistence"]
        command += ["--blobHost", "127.0.0.1", "--blobPort", str(self.port)]
        environment = {**os.environ, "AZURITE_ACCOUNTS": f"tests:{self.KEY}"}
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, env=environment, cwd=self._directory, stdout=quiet, stderr=quiet)
        until(lambda: reachable(self.port), "an answer of azurite")
        return self

    def bucket(self, prefix: str = "some/where") -> Bucket:
        """A fresh container; made by a signed request, for the library makes none."""
        name = f"container-{next(numbers)}"
        date, version = formatdate(usegmt=True), "2021-08-06"
        fields = f"x-ms-date:{date}\nx-ms-version:{version}\n/tests/tests/{name}\nrestype:container"
        text = "PUT" + "\n" * 12 + fields
        signature = hmac.new(base64.b64decode(self.KEY), text.encode(), "sha256").digest()
        headers = {
            "x-ms-date": date,
            "x-ms-version": version,
            "authorization": f"SharedKey tests:{base64.b64encode(signature).decode()}",
        }
        address = f"{self.endpoint}/{name}?restype=container"
        request = urllib.request.Request(address, data=b"", method="PUT", headers=headers)
        # urllib would name a type of its own, which belongs to what is signed.
        request.add_unredirected_header("Content-Type", "")
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 201
        return Bucket(f"az://{name}/{prefix}?account=tests&endpoint={self.endpoint}", self.environment)

    def remove(self) -> None:
        """End it and delete what it kept."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)


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


def azure_bucket() -> Bucket:
    """A fresh container of the Azure server. Skips the test where Azurite is not on this machine."""
    return azure_server().bucket()


@cache
def azure_server() -> AzuriteServer:
    """The Azure server of this test process."""
    server = AzuriteServer()
    atexit.register(server.remove)
    return server.start()


def google_bucket() -> Bucket:
    """A fresh bucket of the stand-in for Google Cloud Storage, which keeps it in the S3 server."""
    return google_server().bucket(bucket())


@cache
def google_server() -> GoogleStandIn:
    """The stand-in of this test process."""
    server = s3_server()
    keys = server.environment["AWS_ACCESS_KEY_ID"], server.environment["AWS_SECRET_ACCESS_KEY"]
    standin = GoogleStandIn(server.endpoint, keys)
    atexit.register(standin.remove)
    return standin
