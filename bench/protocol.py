"""The requests of the distribution specification, as the workloads and their preparation use them."""

from bench.connection import Answer, Broken, Connection, expect
from bench.content import INDEX, MANIFEST, Blob, Body, Image

ACCEPT = (
    f"Accept: {MANIFEST}, {INDEX}, application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json"
)
_OCTETS = "Content-Type: application/octet-stream"


def open_upload(connection: Connection, repository: str) -> str:
    """POST an upload session; returns the path and query to send to."""
    answer = connection.ask(connection.request("POST", f"/v2/{repository}/blobs/uploads/", length=0))
    return location(expect(answer, 202))


def location(answer: Answer) -> str:
    """The Location of an answer as a path with its query, whatever host it names."""
    target = answer.header("Location")
    if target.startswith("http"):
        target = "/" + target.split("/", 3)[3]
    if not target.startswith("/"):
        raise Broken(f"no Location in {answer.head[:200]!r}")
    return target


def closing(target: str, digest: str) -> str:
    """The target of the PUT that closes a session."""
    return f"{target}{'&' if '?' in target else '?'}digest={digest}"


def put_blob(connection: Connection, repository: str, blob: Blob) -> int:
    """POST and one PUT, as containerd and crane do; returns the bytes of the body."""
    target = closing(open_upload(connection, repository), blob.digest)
    head = connection.request("PUT", target, (_OCTETS,), len(blob.data))
    _pushed(connection.ask(head + blob.data), blob.digest)
    return len(blob.data)


def patch_blob(connection: Connection, repository: str, blob: Blob) -> int:
    """POST, one chunked PATCH without Content-Range, and an empty PUT, as docker does."""
    target = open_upload(connection, repository)
    head = connection.request("PATCH", target, (_OCTETS, "Transfer-Encoding: chunked"))
    framed = b"%x\r\n%b\r\n0\r\n\r\n" % (len(blob.data), blob.data)
    target = location(expect(connection.ask(head + framed), 202))
    _pushed(connection.ask(connection.request("PUT", closing(target, blob.digest), length=0)), blob.digest)
    return len(blob.data)


def put_body(connection: Connection, repository: str, body: Body) -> Connection:
    """Send POST and PUT of a large layer up to its last byte; `finish` reads the answer."""
    target = closing(open_upload(connection, repository), body.digest)
    connection.send([connection.request("PUT", target, (_OCTETS,), body.size)])
    connection.send(body.parts())
    return connection


def patch_body(connection: Connection, repository: str, body: Body) -> Connection:
    """Send POST and chunked PATCH of a large layer up to its last byte; `finish` reads the answers."""
    target = open_upload(connection, repository)
    connection.send([connection.request("PATCH", target, (_OCTETS, "Transfer-Encoding: chunked"))])
    connection.send(body.chunks())
    return connection


def finish(connection: Connection, digest: str, *, patched: bool) -> None:
    """Read the answer to a large body, and close its session if it was a PATCH."""
    answer = connection.receive()
    if patched:
        target = closing(location(expect(answer, 202)), digest)
        answer = connection.ask(connection.request("PUT", target, length=0))
    _pushed(answer, digest)


def put_manifest(connection: Connection, repository: str, reference: str, manifest: Blob) -> None:
    """PUT a manifest; the answer's digest must be its own."""
    head = connection.request(
        "PUT", f"/v2/{repository}/manifests/{reference}", (f"Content-Type: {MANIFEST}",), len(manifest.data)
    )
    _pushed(connection.ask(head + manifest.data), manifest.digest)


def put_image(connection: Connection, repository: str, reference: str, pushed: Image) -> None:
    """Push an image whole, layer and config by PUT."""
    put_blob(connection, repository, pushed.layer)
    put_blob(connection, repository, pushed.config)
    put_manifest(connection, repository, reference, pushed.manifest)


def get(connection: Connection, target: str, *headers: str) -> Answer:
    """GET with its body, whatever the status."""
    return connection.ask(connection.request("GET", target, headers))


def _pushed(answer: Answer, digest: str) -> None:
    expect(answer, 201)
    said = answer.header("Docker-Content-Digest")
    if said and said != digest:
        raise Broken(f"pushed {digest}, the answer says {said}")
