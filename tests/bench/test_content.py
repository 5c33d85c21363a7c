"""Generated content: the digest is of the bytes that are sent, in either framing, and every name is unique."""

import hashlib
import json

import pytest
from bench.content import CHUNK, KIB, MIB, TAIL, Blob, Layers, image

_SIZES = [TAIL, 100, 4 * KIB, CHUNK, CHUNK + 1, MIB - 1, MIB, MIB + TAIL, 3 * MIB + 12345]


def _unchunk(data: bytes) -> bytes:
    body = b""
    while True:
        line, _, data = data.partition(b"\r\n")
        size = int(line, 16)
        assert size <= CHUNK
        body, ending, data = body + data[:size], data[size : size + 2], data[size + 2 :]
        assert ending == b"\r\n"
        if not size:
            assert data == b""
            return body


@pytest.mark.parametrize("size", _SIZES)
def test_a_layer_is_what_its_digest_says(size: int) -> None:
    body = Layers(size).unique("one")
    plain = b"".join(body.parts())
    assert len(plain) == body.size == size
    assert body.digest == "sha256:" + hashlib.sha256(plain).hexdigest()
    assert _unchunk(b"".join(body.chunks())) == plain


def test_names_make_layers_unique_and_repeatable() -> None:
    made = Layers(4 * KIB)
    assert made.unique("a").digest == made.unique("a").digest
    assert len({made.unique(f"put 18a {client} {turn} 7").digest for client in range(9) for turn in range(9)}) == 81


def test_a_layer_has_room_for_its_name() -> None:
    with pytest.raises(ValueError, match="at least 64"):
        Layers(TAIL - 1)


def test_an_image_names_its_parts() -> None:
    layer = Layers(4 * KIB).blob("layer")
    made = image(layer, "one")
    document = json.loads(made.manifest.data)
    assert document["layers"][0]["digest"] == layer.digest
    assert document["layers"][0]["size"] == len(layer.data)
    assert document["config"] == {
        "mediaType": document["config"]["mediaType"],
        "digest": Blob.of(made.config.data).digest,
        "size": len(made.config.data),
    }
    referrer = json.loads(image(layer, "two", made.manifest).manifest.data)
    assert referrer["subject"]["digest"] == made.manifest.digest
