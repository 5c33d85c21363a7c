"""Names, digests and versions: laws over what the grammars generate, and over arbitrary text."""

from __future__ import annotations

import itertools
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.oci.digest import ALGORITHMS, Digest
from holdfast.oci.errors import MAX_REASON, DigestInvalid, Invalid, NameInvalid, TagInvalid, excerpt
from holdfast.oci.name import RepositoryName, Tag, parse_reference, referrers_tag
from holdfast.oci.version import MAX_KEY, version_key

# The specification's own words, anchored; `re` may backtrack on these, so only short texts go through them.
SPEC_NAME = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
SPEC_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")

names = st.from_regex(SPEC_NAME, fullmatch=True).filter(lambda text: len(text) <= 255)
tags = st.from_regex(SPEC_TAG, fullmatch=True)
digests = st.builds(Digest.of, st.binary(max_size=64), st.sampled_from(sorted(ALGORITHMS)))
nearly_names = st.text(alphabet="ab0./_-A", max_size=24)
any_text = st.text(alphabet=st.characters(), max_size=400)  # lone surrogates too


@given(names)
@settings(deadline=None)
def test_names_of_the_grammar_pass(text: str) -> None:
    name = RepositoryName.parse(text)
    assert name == text
    prefixes = name.prefixes()
    assert prefixes[0] == ""
    assert prefixes[-1] == text
    assert len(prefixes) == text.count("/") + 2
    for shorter, longer in itertools.pairwise(prefixes[1:]):
        assert longer.startswith(shorter + "/")
        assert RepositoryName.parse(shorter) == shorter


@given(nearly_names)
@settings(deadline=None)
def test_names_pass_exactly_when_the_specification_says_so(text: str) -> None:
    try:
        passed = RepositoryName.parse(text) == text
    except NameInvalid:
        passed = False
    assert passed == (SPEC_NAME.fullmatch(text) is not None)


@given(tags)
@settings(deadline=None)
def test_tags_of_the_grammar_pass(text: str) -> None:
    assert Tag.parse(text) == text
    assert parse_reference(text) == text


@given(digests)
@settings(deadline=None)
def test_digests_round_trip(digest: Digest) -> None:
    assert Digest.parse(str(digest)) == digest
    assert parse_reference(str(digest)) == digest
    assert Digest.parse(f"{digest.algorithm}:{digest.encoded}") == digest
    assert len(digest.encoded) == ALGORITHMS[digest.algorithm]
    assert Tag.parse(referrers_tag(digest)) == f"{digest.algorithm}-{digest.encoded[:64]}"


@given(digests, st.data())
@settings(deadline=None)
def test_a_digest_with_one_character_changed_is_refused_or_another(digest: Digest, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(digest) - 1))
    changed = digest[:at] + data.draw(st.characters()) + digest[at + 1 :]
    try:
        parsed = Digest.parse(changed)
    except DigestInvalid:
        return
    assert (parsed == digest) == (changed == digest)
    assert re.fullmatch(r"sha(256|384|512):[0-9a-f]+", parsed, re.ASCII)


@given(any_text)
@settings(deadline=None)
def test_arbitrary_text_raises_nothing_else(text: str) -> None:
    for parse, error in ((RepositoryName.parse, NameInvalid), (Tag.parse, TagInvalid), (Digest.parse, DigestInvalid)):
        raised: Invalid | None = None
        try:
            assert parse(text) == text
        except Invalid as caught:
            raised = caught
        if raised is not None:
            assert type(raised) is error
            assert len(raised.reason) <= MAX_REASON
            assert raised.reason.isprintable()
    assert len(excerpt(text)) <= 128
    assert excerpt(text).isprintable()


# --- versions

numbers = st.lists(st.integers(0, 10**12), min_size=3, max_size=3)
identifiers = st.from_regex(r"[a-z]{1,6}(\.[0-9]{1,4})?", fullmatch=True)


def text_of(version: list[int]) -> str:
    return ".".join(map(str, version))


@given(tags)
@settings(deadline=None)
def test_keys_are_bounded_and_ascii(tag: str) -> None:
    key = version_key(tag)
    assert len(key) <= MAX_KEY
    assert key.isascii()
    assert key.isprintable()
    assert version_key(tag) == key
    assert sorted([key, key + "x"]) == sorted([key, key + "x"], key=str.encode)


@given(numbers, numbers)
@settings(deadline=None)
def test_versions_order_as_numbers(one: list[int], other: list[int]) -> None:
    assert (version_key(text_of(one)) < version_key(text_of(other))) == (one < other)
    assert (version_key("v" + text_of(one)) == version_key(text_of(other))) == (one == other)


@given(numbers, identifiers, identifiers)
@settings(deadline=None)
def test_pre_release_before_release_before_build(version: list[int], pre: str, build: str) -> None:
    text = text_of(version)
    following = text_of([*version[:2], version[2] + 1])
    ordered = [f"{text}-{pre}", text, f"{text}_{build}", f"{following}-{pre}", following]
    keys = list(map(version_key, ordered))
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


@given(numbers, identifiers)
@settings(deadline=None)
def test_a_moving_tag_follows_what_it_stands_for(version: list[int], suffix: str) -> None:
    major, minor, _ = version
    exact, next_minor = version_key(text_of(version)), version_key(f"{major}.{minor + 1}.0-{suffix}")
    by_minor, by_major, next_major = (
        version_key(f"{major}.{minor}"),
        version_key(f"{major}"),
        version_key(f"{major + 1}.0.0"),
    )
    variant = version_key(f"{major}.{minor}-{suffix}")
    assert version_key(f"{text_of(version)}-{suffix}") < exact < variant < by_minor < next_minor < by_major < next_major


@given(numbers, st.integers(0, 10**12), st.integers(0, 10**12))
@settings(deadline=None)
def test_numbers_in_pre_releases_are_numbers(version: list[int], one: int, other: int) -> None:
    text = text_of(version)
    for form in ("{}-rc{}", "{}-rc.{}", "{}-{}", "{}rc{}"):
        assert (version_key(form.format(text, one)) < version_key(form.format(text, other))) == (one < other)


@given(
    st.from_regex(r"[a-uw-zA-UW-Z_][a-zA-Z0-9._-]{0,40}", fullmatch=True),
    st.from_regex(r"v?[0-9]{1,9}(\.[0-9]{1,9}){0,4}([._-][a-zA-Z0-9._-]{0,20})?", fullmatch=True),
)
@settings(deadline=None)
def test_no_version_before_any_version(name: str, version: str) -> None:
    assert version_key(name) < version_key(version)


@given(st.lists(tags | st.from_regex(r"v?[0-3](\.[0-3]){0,3}(-rc[0-3])?", fullmatch=True), unique=True, max_size=12))
@settings(deadline=None)
def test_the_key_and_then_the_tag_is_one_order_in_any_language(found: list[str]) -> None:
    ordered = sorted(found, key=lambda tag: (version_key(tag), tag))
    by_bytes = sorted(found, key=lambda tag: (version_key(tag).encode(), tag.encode()))
    assert ordered == by_bytes
    for lower, higher in itertools.combinations(ordered, 2):
        assert (version_key(lower), lower) < (version_key(higher), higher)
