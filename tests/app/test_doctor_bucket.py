"""The doctor at a bucket: what a sound one gives, what is wrong with others, and that nothing of it stays."""

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.buckets import Bucket
from tests.faults.proxy import Answered, Call, CutAnswer, Fault, Proxy
from tests.object_servers import bucket
from tests.ports import free_port

from holdfast.app.config import load
from holdfast.app.doctor import examine
from holdfast.app.doctor_bucket import check_bucket
from holdfast.app.doctor_check import Check, Verdict
from holdfast.blobs.key import new_key
from holdfast.db.sqlite import describe

NAMES = [
    "bucket",
    "bucket: objects",
    "bucket: parts",
    "bucket: listing",
    "bucket: clock",
    "bucket: signed URL",
    "bucket: deletion",
    "bucket: parts of broken uploads",
]


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    made = bucket()
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


def examined(url: str, **flags: str) -> dict[str, Check]:
    given = {"data": "unused", "storage.url": url} | {name.replace("__", "."): value for name, value in flags.items()}
    return {each.name: each for each in check_bucket(load(given, {}).settings)}


@pytest.mark.parametrize(
    ("fault", "verdict", "advice"),
    [
        (Answered(404, "NoSuchLifecycleConfiguration"), Verdict.WARNING, "a rule that aborts"),
        (Answered(403, "AccessDenied"), Verdict.OK, ""),
        (CutAnswer(3), Verdict.FAILED, "endpoint"),
    ],
    ids=["no rule", "not told", "broken off"],
)
def test_who_removes_the_parts_of_broken_uploads(place: Bucket, fault: Fault, verdict: Verdict, advice: str) -> None:
    with Proxy(int(place.endpoint.rpartition(":")[2])) as proxy:
        proxy.faults = lambda call: fault if "lifecycle" in call.target else None
        check = examined(place.at(proxy.endpoint).url)["bucket: parts of broken uploads"]
    assert check.verdict is verdict
    assert advice in check.advice


def files(place: Bucket) -> list[str]:
    assert place.directory is not None
    return [each.name for each in place.directory.rglob("*") if each.is_file()]


def test_a_sound_bucket(place: Bucket) -> None:
    checks = examined(place.url)
    assert list(checks) == NAMES
    assert [each.verdict for each in checks.values()] == [Verdict.OK] * 8, checks
    assert "not used by a registry yet" in checks["bucket"].seen
    assert checks["bucket: parts of broken uploads"].seen.startswith("0 unfinished uploads")
    assert files(place) == []


def test_a_bucket_in_use_is_not_disturbed(place: Bucket) -> None:
    async def main(look: bool) -> None:
        store = place.store()
        await store.open("0198-doctor")
        if look:
            assert [keys async for keys in store.keys()] == [[key]]  # noqa: SIM118 -- no mapping
        else:
            await store.put(key, [b"kept"], "sha256")
        await store.close()

    key = new_key(1)
    asyncio.run(main(look=False))
    checks = examined(place.url)
    assert "used by installation 0198-doctor" in checks["bucket"].seen
    asyncio.run(main(look=True))


def test_the_whole_examination_contains_it(place: Bucket, tmp_path: Path) -> None:
    flags = {"data": str(tmp_path), "listen": f"127.0.0.1:{free_port()}", "storage.url": place.url}
    names = [each.name for each in examine(load(flags, {}).settings, describe)]
    assert [name for name in names if name.startswith("bucket")] == NAMES


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        (lambda url: url.replace("bucket-", "no-bucket-"), "make the bucket"),
        (lambda url: f"{url}&ca=none.pem", "correct it"),
        (lambda url: url.partition("&region")[0] + "&region=eu-west-9", "region="),
    ],
    ids=["no such bucket", "no such certificates", "another region"],
)
def test_a_wrong_address(place: Bucket, change: Callable[[str], str], advice: str) -> None:
    checks = examined(change(place.url))
    assert [each.verdict for each in checks.values()] == [Verdict.FAILED]
    assert advice in checks["bucket"].advice, checks


def test_nobody_answers(place: Bucket) -> None:
    checks = examined(place.at(f"http://127.0.0.1:{free_port()}").url)
    assert [each.verdict for each in checks.values()] == [Verdict.FAILED]
    assert "endpoint" in checks["bucket"].advice


def test_wrong_credentials(place: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("AWS_SECRET_ACCESS_KEY", "wrong"), ("AWS_ACCESS_KEY_ID", "nobody")):
        monkeypatch.setenv(name, value)
        checks = examined(place.url)
        assert [each.verdict for each in checks.values()] == [Verdict.FAILED]
        assert "credentials in the environment" in checks["bucket"].advice
        assert "wrong" not in checks["bucket"].seen


@pytest.mark.parametrize(
    ("fault", "verb", "name", "advice"),
    [
        (Answered(403, "RequestTimeTooSkewed"), "GET", "bucket", "set the clock"),
        (Answered(403, "AccessDenied"), "PUT", "bucket", "rights"),
        (Answered(403, "AccessDenied"), "DELETE", "bucket: deletion", "rights"),
        (Answered(507, "StorageFull"), "POST", "bucket: parts", "quota"),
        (CutAnswer(10), "POST", "bucket: parts", "endpoint"),
    ],
)
def test_what_goes_wrong_is_named(place: Bucket, fault: Fault, verb: str, name: str, advice: str) -> None:
    with Proxy(int(place.endpoint.rpartition(":")[2])) as proxy:

        def strikes(call: Call) -> Fault | None:
            return fault if call.method == verb else None

        proxy.faults = strikes
        checks = examined(place.at(proxy.endpoint).url)
    assert checks[name].verdict is Verdict.FAILED
    assert advice in checks[name].advice


def test_signed_addresses(place: Bucket, tmp_path: Path) -> None:
    name = "bucket: signed URL"
    with Proxy(int(place.endpoint.rpartition(":")[2])) as proxy:
        check = examined(place.url, storage__public_endpoint=proxy.endpoint)[name]
        assert (check.verdict, proxy.endpoint in check.seen) == (Verdict.OK, True)
        proxy.faults = lambda call: Answered(403, "SignatureDoesNotMatch")
        check = examined(place.url, storage__public_endpoint=proxy.endpoint)[name]
        assert check.verdict is Verdict.WARNING
        assert "Host header" in check.advice
    check = examined(place.url, storage__public_endpoint=f"http://127.0.0.1:{free_port()}")[name]
    assert check.verdict is Verdict.WARNING
    assert "public_endpoint" in check.advice
    assert examined(place.url, storage__redirect="off")[name].verdict is Verdict.SKIPPED
    key = tmp_path / "key"
    key.write_bytes(base64.b64encode(bytes(32)))
    check = examined(place.url, encryption__key_file=str(key))[name]
    assert (check.verdict, check.seen) == (Verdict.SKIPPED, "content is encrypted")
    assert files(place) == []
