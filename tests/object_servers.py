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
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from unittest.mock import patch

from tests.backends import free_port, program, until

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


@cache
def s3_server() -> VersityServer:
    """The S3 server of this test process."""
    server = VersityServer()
    atexit.register(server.remove)
    return server.start()


def bucket() -> Bucket:
    """A fresh bucket of the S3 server."""
    return s3_server().bucket()
