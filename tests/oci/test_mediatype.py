"""Media types: any that is one passes; which layers stay elsewhere."""

from __future__ import annotations

import pytest

from holdfast.oci import mediatype


@pytest.mark.parametrize(
    "text",
    [
        mediatype.OCI_MANIFEST,
        mediatype.DOCKER_LIST,
        "text/plain",
        "text/plain; charset=utf-8",
        "text/plain;charset=utf-8",
        'text/plain ; charset="utf-8; \\" x" ;a=b',
        "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
        "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
        "application/vnd.dev.sigstore.bundle.v0.3+json",
        "sbom/example",
        "a/b",
        "0/0",
        "application/x!#$&^_.+-",
        "a" * 127 + "/" + "b" * 127,
    ],
)
def test_valid(text: str) -> None:
    assert mediatype.is_valid(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "text",
        "text/",
        "/plain",
        "text/plain/x",
        "text /plain",
        " text/plain",
        "text/plain ",
        "text/plain;",
        "text/plain; charset",
        "text/plain; charset=",
        "text/plain; =x",
        'text/plain; charset="x',
        "text/plain, text/html",
        "*/*",
        "text/*",
        ".a/b",
        "+a/b",
        "text/pla\nin",
        "text/plain\n",
        "text/plain\r\nX-Header: 1",
        "text/plain; a=b\x00",
        "tëxt/plain",
        "a" * 128 + "/b",
        "a/" + "b" * 128,
        "a/b; c=" + "d" * 600,
        "a/b" + ";" * 1_000_000,
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_not_valid(text: str) -> None:
    assert not mediatype.is_valid(text)


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("text/plain", "text/plain"),
        ("text/plain; charset=utf-8", "text/plain"),
        (" text/plain\t; a=b; c=d", "text/plain"),
        ("", ""),
        (" ; a=b", ""),
    ],
)
def test_essence(text: str, bare: str) -> None:
    assert mediatype.essence(text) == bare


@pytest.mark.parametrize(
    ("layer", "distributable"),
    [
        ("application/vnd.oci.image.layer.nondistributable.v1.tar", False),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", False),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", False),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", False),
        ("application/vnd.oci.image.layer.nondistributable.v2.tar", True),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar", True),
        ("application/VND.oci.image.layer.nondistributable.v1.tar", True),
        (mediatype.OCI_LAYER, True),
        (mediatype.DOCKER_LAYER, True),
        ("text/plain; charset=utf-8", True),
    ],
)
def test_distributable(layer: str, distributable: bool) -> None:
    assert mediatype.is_distributable(layer) is distributable
