"""Uploads in parts that nobody finished, as an S3 server lists them: what a killed process leaves, and no key shows.

The library lists none and removes none, so these few requests are made here, signed by version 4 of Amazon's scheme.
They need an access key in the environment. With the credentials of a role there is none, and the rule of the bucket
alone removes what was left; so it is at Google's and Microsoft's.

Everything here blocks and belongs in a thread.
"""

import hashlib
import hmac
import html
import http.client
import os
import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from holdfast.blobs.errors import Unavailable
from holdfast.blobs.object_url import BucketAddress

PAGE = 1000
_PATIENCE = 10.0
_ANSWER_MOST = 4 << 20
_NOT_SHOWN = frozenset({400, 403, 405, 501})
_EMPTY = hashlib.sha256(b"").hexdigest()
_UPLOAD = re.compile(r"<Upload>(.*?)</Upload>", re.DOTALL)


class BrokenUpload(NamedTuple):
    """One upload that was begun, to the path `path`."""

    path: str
    upload_id: str


class _Keys(NamedTuple):
    access: str
    secret: str
    session: str | None


class BrokenUploads:
    """The unfinished uploads of the bucket at `address`."""

    def __init__(self, address: BucketAddress) -> None:
        self._address = address
        self._region = address.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        self._region = self._region or "us-east-1"
        self._keys = _keys() if address.scheme == "s3" else None
        default = f"https://s3.{self._region}.amazonaws.com"
        self._endpoint = urlsplit(address.endpoint_of(address.endpoint or default))

    @property
    def visible(self) -> bool:
        """Whether they can be looked at."""
        return self._keys is not None

    def under(self, prefix: str) -> Iterator[BrokenUpload]:
        """Give those whose path begins with `prefix`; none where the bucket does not show them to these credentials.

        Raises Unavailable.
        """
        # One key has one upload here, so the next page begins after the last key; some servers refuse their own mark.
        after: dict[str, str] = {}
        while True:
            status, text = self._ask("GET", "", {"uploads": "", "prefix": prefix, "max-uploads": str(PAGE)} | after)
            if status in _NOT_SHOWN:
                return
            if status != 200:
                raise Unavailable(f"The bucket does not list its unfinished uploads ({status}).")
            for found in _UPLOAD.findall(text):
                yield BrokenUpload(_field(found, "Key"), _field(found, "UploadId"))
            following = {"key-marker": _field(text, "NextKeyMarker")}
            if _field(text, "IsTruncated") != "true" or following == after or not following["key-marker"]:
                return
            after = following

    def remove(self, upload: BrokenUpload) -> bool:
        """Give up `upload`; one that is not there is done. Tell whether it is: a part may just be arriving, or these
        credentials may not. Raises Unavailable."""
        status, _ = self._ask("DELETE", upload.path, {"uploadId": upload.upload_id})
        return status in (200, 204, 404)

    def has_rule(self) -> bool | None:
        """Whether the bucket has a rule that removes them; None if it does not say. Raises Unavailable."""
        status, text = self._ask("GET", "", {"lifecycle": ""})
        if status == 404:
            return False
        return "<AbortIncompleteMultipartUpload>" in text if status == 200 else None

    def _ask(self, method: str, path: str, query: dict[str, str]) -> tuple[int, str]:
        """Send a signed request without a body; return the status and the text of the answer."""
        assert self._keys is not None
        at = self._endpoint.path if self._address.virtual_hosted else f"{self._endpoint.path}/{self._address.bucket}"
        target = quote(f"{at}/{path}" if path else at or "/")
        asked = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items()))
        connection = self._connection()
        try:
            connection.request(method, f"{target}?{asked}", headers=self._signed(self._keys, method, target, asked))
            answer = connection.getresponse()
            return answer.status, answer.read(_ANSWER_MOST).decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable("The bucket does not answer (no connection, or none in time).") from error
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._endpoint.scheme == "http":
            return http.client.HTTPConnection(self._endpoint.netloc, timeout=_PATIENCE)
        context = ssl.create_default_context()
        if self._address.ca_file is not None:
            context.load_verify_locations(self._address.ca_file)
        return http.client.HTTPSConnection(self._endpoint.netloc, timeout=_PATIENCE, context=context)

    def _signed(self, keys: _Keys, method: str, target: str, asked: str) -> dict[str, str]:
        """Return the fields of a signed request (AWS Signature Version 4)."""
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{moment[:8]}/{self._region}/s3/aws4_request"
        fields = {"host": self._endpoint.netloc, "x-amz-content-sha256": _EMPTY, "x-amz-date": moment}
        if keys.session is not None:
            fields["x-amz-security-token"] = keys.session
        names = ";".join(fields)
        listed = "".join(f"{name}:{value}\n" for name, value in fields.items())
        canonical = f"{method}\n{target}\n{asked}\n{listed}\n{names}\n{_EMPTY}"
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{keys.secret}".encode()
        for part in (*scope.split("/"), text):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        credential = f"Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
        return fields | {"authorization": f"AWS4-HMAC-SHA256 {credential}"}


def _keys() -> _Keys | None:
    access, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    session = os.environ.get("AWS_SESSION_TOKEN") or os.environ.get("AWS_TOKEN")
    return _Keys(access, secret, session or None) if access and secret else None


def _field(text: str, name: str) -> str:
    found = re.search(f"<{name}>([^<]*)</{name}>", text)
    return html.unescape(found.group(1)) if found else ""
