"""One repository as the tests push to it and read from it; every answer on the way is checked against `always`."""

from __future__ import annotations

from dataclasses import dataclass

from tests.wire.always import checked
from tests.wire.client import Answer, Connection, Headers
from tests.wire.content import OCI_MANIFEST, digest


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository `name` over one connection."""

    connection: Connection
    name: str

    @property
    def path(self) -> str:
        """Give `/v2/<name>`."""
        return f"/v2/{self.name}"

    def ask(self, method: str, path: str, body: bytes = b"", headers: Headers | None = None) -> Answer:
        """Send a request for `path`, which is below the repository unless it begins with `/v2/`."""
        target = path if path.startswith("/v2/") else f"{self.path}/{path}"
        return checked(self.connection.ask(method, target, body, headers))

    def expect(
        self, status: int, method: str, path: str, body: bytes = b"", headers: Headers | None = None, code: str = ""
    ) -> Answer:
        """Send a request and insist on a status, and on an error code when one is given."""
        answer = self.ask(method, path, body, headers)
        assert answer.status == status, f"expected {status}: {answer}"
        assert not code or answer.code == code, f"expected {code}: {answer}"
        return answer

    def blob(self, data: bytes, algorithm: str = "sha256") -> str:
        """Push a blob in one request; give its digest."""
        name = digest(data, algorithm)
        self.expect(201, "POST", f"blobs/uploads/?digest={name}", data)
        return name

    def manifest(self, data: bytes, reference: str = "", media_type: str = OCI_MANIFEST) -> str:
        """Push a manifest under `reference`, or by its digest; give its digest."""
        answer = self.expect(201, "PUT", f"manifests/{reference or digest(data)}", data, {"Content-Type": media_type})
        return answer["docker-content-digest"]

    def session(self, query: str = "") -> str:
        """Open an upload session; give its location."""
        return self.expect(202, "POST", f"blobs/uploads/{query}")["location"]

    def begun(self, data: bytes) -> str:
        """Open an upload session that holds `data`; give its location."""
        return self.expect(202, "PATCH", self.session(), data)["location"]
