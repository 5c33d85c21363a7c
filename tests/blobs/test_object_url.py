"""The address of a bucket: what may be written, and what is refused with a sentence."""

import pytest

from holdfast.blobs.object_url import BucketAddress, check_endpoint, parse_bucket_url


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("s3://bucket", BucketAddress("s3", "bucket")),
        ("s3://bucket/", BucketAddress("s3", "bucket")),
        ("s3://my.bucket/a/b-c/", BucketAddress("s3", "my.bucket", "a/b-c")),
        (
            "s3://bucket/p?endpoint=http://10.0.0.1:9000/&region=eu-1&style=virtual&ca=/etc/ca.pem",
            BucketAddress(
                "s3", "bucket", "p", "http://10.0.0.1:9000", "eu-1", virtual_hosted=True, ca_file="/etc/ca.pem"
            ),
        ),
        ("s3://bucket?style=path", BucketAddress("s3", "bucket")),
        (
            "gs://bucket/p?endpoint=https%3A%2F%2Fgs.example.com",
            BucketAddress("gs", "bucket", "p", "https://gs.example.com"),
        ),
        (
            "az://box/p?account=name&endpoint=http://127.0.0.1:10000/name",
            BucketAddress("az", "box", "p", "http://127.0.0.1:10000/name", account="name"),
        ),
    ],
)
def test_addresses(text: str, address: BucketAddress) -> None:
    assert parse_bucket_url(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bucket",
        "/srv/blobs",
        "file:///srv/blobs",
        "https://bucket.s3.amazonaws.com",
        "s3:/bucket",
        "s3://",
        "s3://b",
        "s3:///prefix",
        "s3://bu cket",
        "s3://bucket/..",
        "s3://bucket/a/../b",
        "s3://bucket/a//b",
        "s3://bucket/.hidden",
        "s3://bucket/a b",
        "s3://bucket/" + "a" * 300,
        "s3://key:secret@bucket",
        "s3://bucket#part",
        "s3://bucket?secret_access_key=x",
        "s3://bucket?account=x",
        "s3://bucket?AccountKey=x",
        "s3://bucket?region=eu&region=us",
        "s3://bucket?region=a/b",
        "s3://bucket?style=other",
        "s3://bucket?endpoint=ftp://host",
        "s3://bucket?endpoint=host:9000",
        "s3://bucket?endpoint=http://",
        "s3://bucket?endpoint=http://user:secret@host",
        "s3://bucket?endpoint=http://host?x=1",
        "s3://bucket?endpoint=http://host:port",
        "gs://bucket?region=eu",
        "az://box?style=path",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_bucket_url(text)
    assert "secret@" not in str(refused.value)
    assert str(refused.value).startswith(("does not ", "has ", "holds "))


def test_where_names_lie() -> None:
    assert BucketAddress("s3", "bucket").path("x") == "x"
    assert BucketAddress("s3", "bucket", "a/b").path("x") == "a/b/x"


def test_endpoints() -> None:
    assert check_endpoint("https://host/") == "https://host"
    path, virtual = BucketAddress("s3", "box"), BucketAddress("s3", "box", virtual_hosted=True)
    assert path.endpoint_of("https://host:9000") == "https://host:9000"
    assert virtual.endpoint_of("https://host:9000") == "https://box.host:9000"
