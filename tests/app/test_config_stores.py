"""Where rows and objects are kept, as settings: what is taken, what is refused, and that no password is shown."""

from __future__ import annotations

import pytest

from holdfast.app import config_stores
from holdfast.app.banner import print_banner
from holdfast.app.config import ConfigError, Secret, load


def test_short_names_are_flags_and_variables() -> None:
    url = "s3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=us-east-1"
    by_variable = load(
        {}, {"HOLDFAST_STORAGE": url, "HOLDFAST_DATABASE": "postgresql:///holdfast", "HOLDFAST_JOBS": "0"}
    )
    assert by_variable.settings.storage.url == url
    assert by_variable.settings.database.url == Secret("postgresql:///holdfast")
    assert not by_variable.settings.jobs.embedded


def test_the_password_of_a_database_is_not_shown() -> None:
    loaded = load({"database.url": "postgresql://me:hush@db:5433/registry?password=hush"}, {})
    shown = next(each.value for each in loaded.effective if each.name == "database.url")
    assert shown == "postgresql://me@db:5433/registry"
    assert "hush" not in repr(loaded)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://host/db", "postgresql://"),
        ("postgresql://host", "name a database"),
        ("postgresql://host:x/db", "not a URL"),
        ("postgresql://host/db#tail", "fragment"),
    ],
)
def test_a_database_that_is_none(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        config_stores.database_url().read(url)


@pytest.mark.parametrize("path", ["/holdfast-files/", "/a/b.c/", "/_x/"])
def test_places_at_a_proxy(path: str) -> None:
    assert config_stores.location().read(path) == path


@pytest.mark.parametrize(
    "path", ["files/", "/files", "/", "//x/", "/../", "/a b/", "/v2/files/", "/x/\r\ny/", "https://x/"]
)
def test_places_that_are_none(path: str) -> None:
    with pytest.raises(ValueError):
        config_stores.location().read(path)


@pytest.mark.parametrize(
    "more", [{}, {"trusted_proxies": "127.0.0.1", "storage.url": "s3://bucket"}], ids=["no proxy", "no files"]
)
def test_a_place_at_a_proxy_needs_files_and_a_proxy(more: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"storage\.accel"):
        load({"storage.accel": "/files/", **more}, {})


@pytest.mark.parametrize("url", ["s3://bucket", "gs://bucket/a/b/", "az://container/x?account=me"])
def test_storage_urls(url: str) -> None:
    assert config_stores.storage_url().read(url) == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///srv", "s3://"),
        ("s3://", "name a bucket"),
        ("s3://key:word@bucket", "credential"),
        ("s3://bucket?secret_access_key=x", "credential"),
        ("s3://bucket/a//b", "empty or dotted"),
        ("s3://bucket/../b", "empty or dotted"),
        ("s3://bucket?colour=red", "not known: colour"),
        ("s3://bucket?endpoint=ftp://h", "http"),
    ],
)
def test_a_bucket_that_is_none(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        config_stores.storage_url().read(url)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"data": "/srv/registry"}, "serves /srv/registry at"),
        (
            {"data": "/srv/registry", "database.url": "postgresql://me:hush@db/registry"},
            "serves /srv/registry and postgresql://me@db/registry at",
        ),
        (
            {"database.url": "postgresql://me:hush@db/registry", "storage.url": "s3://bucket/prefix?region=eu"},
            "serves postgresql://me@db/registry and s3://bucket/prefix at",
        ),
    ],
)
def test_the_banner_names_where_things_are(
    given: dict[str, object], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_banner(load(given, {}).settings, None)
    printed = capsys.readouterr().out
    assert said in printed
    assert "hush" not in printed
