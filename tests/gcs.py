"""A stand-in for Google Cloud Storage: it takes what the library sends there and asks an S3 server for it.

Google's XML interface and S3 differ in how requests are signed, and in little else that the library uses. So requests
are signed anew and passed on. What it cannot show: Google's own signatures, its consistency, and its errors.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.buckets import REGION, Bucket

_PASSED = ("range", "content-type", "content-length")
_ANSWERED = ("content-type", "content-range", "etag", "last-modified", "accept-ranges")


class GoogleStandIn:
    """Listens on loopback; `upstream` is the endpoint of the S3 server, `keys` its access key and secret."""

    def __init__(self, upstream: str, keys: tuple[str, str]) -> None:
        self._upstream = urlsplit(upstream).netloc
        self._keys = keys
        standin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                standin.translate(self)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815 -- names of the base class

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """A service account of nobody's, whose key signs everything: no token is asked for anywhere."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        account = {
            "type": "service_account",
            "private_key": pem.decode(),
            "private_key_id": "tests",
            "client_email": "tests@example.com",
            "gcs_base_url": self.endpoint,
        }
        return {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(account)}

    def bucket(self, of: Bucket) -> Bucket:
        """The bucket `of` of the S3 server, as one of Google's."""
        place = urlsplit(of.url)
        return Bucket(f"gs://{place.netloc}{place.path}?endpoint={self.endpoint}", self.environment, of.directory)

    def translate(self, request: BaseHTTPRequestHandler) -> None:
        """Sign `request` anew, pass it on, and pass its answer back."""
        length = int(request.headers.get("content-length") or 0)
        body = request.rfile.read(length)
        target = urlsplit(request.path)
        query = [pair for pair in parse_qsl(target.query, keep_blank_values=True) if not pair[0].startswith("X-Goog-")]
        fields = {name: request.headers[name] for name in _PASSED if request.headers.get(name)}
        fields |= self._signed(request.command, target.path, query)
        asked = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query))
        upstream = http.client.HTTPConnection(self._upstream, timeout=60)
        try:
            upstream.request(request.command, f"{target.path}?{asked}" if asked else target.path, body, fields)
            answer = upstream.getresponse()
            said = answer.read()
        finally:
            upstream.close()
        request.send_response(answer.status)
        for name in _ANSWERED:
            if answer.headers.get(name):
                request.send_header(name, answer.headers[name])
        size = answer.headers.get("content-length") if request.command == "HEAD" else str(len(said))
        request.send_header("content-length", size or "0")
        request.end_headers()
        request.wfile.write(said)

    def _signed(self, method: str, path: str, query: list[tuple[str, str]]) -> dict[str, str]:
        """The fields of a signature of version 4, without the payload."""
        access, secret = self._keys
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{moment[:8]}/{REGION}/s3/aws4_request"
        fields = {"host": self._upstream, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": moment}
        asked = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query))
        names = ";".join(fields)
        listed = "".join(f"{name}:{value}\n" for name, value in fields.items())
        canonical = f"{method}\n{path}\n{asked}\n{listed}\n{names}\nUNSIGNED-PAYLOAD"
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{secret}".encode()
        for part in (*scope.split("/"), text):
            key = hmac.new(key, part.encode(), "sha256").digest()
        fields["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
        )
        return fields

    def remove(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
