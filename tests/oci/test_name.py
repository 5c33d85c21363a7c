"""Names, tags, references, and the tag of the referrers schema."""

from __future__ import annotations

import pytest

from holdfast.oci.digest import Digest
from holdfast.oci.errors import DigestInvalid, NameInvalid, TagInvalid
from holdfast.oci.name import RepositoryName, Tag, parse_image, parse_reference, referrers_tag


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "0",
        "library/alpine",
        "team-a/payments/api",
        "a.b",
        "a_b",
        "a__b",
        "a-b",
        "a---b",
        "a-----------b/c__d/e.f",
        "a/b/c/d/e/f/g/h",
        "blobs/uploads",
        "manifests",
        "tags/list",
        "a" * 255,
        "/".join(["a"] * 128),
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_name(text: str) -> None:
    name = RepositoryName.parse(text)
    assert name == text
    assert isinstance(name, RepositoryName)
    assert not hasattr(name, "__dict__")
    assert RepositoryName.parse(text) == name
    assert RepositoryName.parse(name) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        "A",
        "a/B",
        "-a",
        "a-",
        ".a",
        "a.",
        "_a",
        "a_",
        "a..b",
        "a___b",
        "a.-b",
        "a._b",
        "a_.b",
        "a-_b",
        "..",
        "../a",
        "a/../b",
        "a/./b",
        "a b",
        "a\n",
        "a\x00",
        "a:b",
        "a@b",
        "a%2fb",
        "a\\b",
        "é",
        "\u0661",
        "a\ud800",
        "a" * 256,
        "-" * 1_000_000,
        "a" + "-" * 254,
        "a" + "__" * 127,
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_name_refused(text: str) -> None:
    with pytest.raises(NameInvalid) as caught:
        RepositoryName.parse(text)
    assert len(caught.value.reason) < 400
    with pytest.raises(NameInvalid):
        RepositoryName.parse(text)


def test_name_too_long_says_so() -> None:
    with pytest.raises(NameInvalid, match=r"at most 255 characters, this one has 256\."):
        RepositoryName.parse("a" * 256)


@pytest.mark.parametrize(
    ("text", "prefixes"),
    [
        ("a", ("", "a")),
        ("a/b", ("", "a", "a/b")),
        ("team-a/payments/api", ("", "team-a", "team-a/payments", "team-a/payments/api")),
    ],
)
def test_prefixes(text: str, prefixes: tuple[str, ...]) -> None:
    found = RepositoryName.parse(text).prefixes()
    assert found == prefixes
    assert {type(prefix) for prefix in found} == {str}


@pytest.mark.parametrize(
    "text", ["latest", "v1.2.3", "_", "_x", "A", "0", "1.2.3-rc.1_build.5", "a..b", "a--", "sha256-abc.sig", "x" * 128]
)
def test_tag(text: str) -> None:
    tag = Tag.parse(text)
    assert tag == text
    assert isinstance(tag, Tag)
    assert isinstance(parse_reference(text), Tag)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        ".a",
        "-a",
        "a/b",
        "a b",
        "a+b",
        "a@b",
        "a\n",
        "\n",
        "é",
        "\u0661",
        "a\x00",
        "x" * 129,
        "." * 10**6,
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_tag_refused(text: str) -> None:
    with pytest.raises(TagInvalid) as caught:
        Tag.parse(text)
    assert len(caught.value.reason) < 400
    with pytest.raises(TagInvalid):
        parse_reference(text)


def test_tag_too_long_says_so() -> None:
    with pytest.raises(TagInvalid, match=r"at most 128 characters, this one has 129\."):
        Tag.parse("x" * 129)


def test_reference_with_a_colon_is_a_digest() -> None:
    digest = Digest.of(b"x")
    parsed = parse_reference(str(digest))
    assert parsed == digest
    assert isinstance(parsed, Digest)
    for text in ("sha256:abc", "a:b", ":"):
        with pytest.raises(DigestInvalid):
            parse_reference(text)


@pytest.mark.parametrize(
    ("digest", "tag"),
    [
        ("sha256:" + "a" * 64, "sha256-" + "a" * 64),
        ("sha512:" + "a" * 64 + "b" * 64, "sha512-" + "a" * 64),
        ("sha384:" + "a" * 64 + "b" * 32, "sha384-" + "a" * 64),
    ],
)
def test_referrers_tag(digest: str, tag: str) -> None:
    made = referrers_tag(Digest.parse(digest))
    assert made == tag
    assert isinstance(made, Tag)


def test_referrers_tag_of_the_specification_s_last_example() -> None:
    # Not a digest that is accepted here, but the specification's own example of cutting and replacing.
    digest = Digest(
        "test+algorithm+using+algorithm+separators+and+lots+of+characters+to+excercise+overall+truncation:"
        "alsoSome=InTheEncodedSectionToShowHyphenReplacementAndLotsAndLotsOfCharactersToExcerciseEncodedTruncation"
    )
    assert referrers_tag(digest) == (
        "test-algorithm-using-algorithm-s-alsoSome-InTheEncodedSectionToShowHyphenReplacementAndLotsAndLot"
    )


def test_what_people_write_for_an_image() -> None:
    digest = Digest.of(b"x")
    for text, wanted in {
        "app": ("app", None),
        "team/app:v1": ("team/app", "v1"),
        f"team/app@{digest}": ("team/app", digest),
        f"team/app:v1@{digest}": ("team/app", digest),
    }.items():
        name, reference = parse_image(text)
        assert (name, reference) == wanted
        assert isinstance(reference, Digest) == ("@" in text)
    for text, error in {
        "": NameInvalid,
        ":v1": NameInvalid,
        "Team/app": NameInvalid,
        "app:": TagInvalid,
        "host:5000/app": TagInvalid,
        "app@": DigestInvalid,
        "app@v1": DigestInvalid,
        "app:-@sha256:x": TagInvalid,
    }.items():
        with pytest.raises(error):
            parse_image(text)
