"""The header and the page where people begin: what needs somebody is said while it does, and only then; jobs that run
are counted for who may see them; the theme is chosen without script, by anybody."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from click import Command, Group
from tests.browser.filled import fill
from tests.browsing import Browser
from tests.console.test_routes import PRIVATE
from tests.console.test_running import Place
from tests.serving import running_server

from holdfast.cli.main import main
from holdfast.console.home import of_certificate

DAY = 86_400_000_000


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_server(tmp_path_factory.mktemp("needs"), env=PRIVATE) as server:
        yield Place(fill(server))


def change(place: Place, *statements: str) -> None:
    """Change rows beside the registry; NOW stands for the time."""
    tables = place.tables()
    try:
        (now,) = tables.sql("select max(at) from journal")
        for statement in statements:
            tables.sql(statement.replace("NOW", str(now)))
    finally:
        tables.close()


def needs(place: Place, browser: Browser | None = None) -> str:
    text = place.get("/?view=attention", browser, part=True).text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


_JOB = (
    "insert into job (kind, data, priority, run_at, made_at, attempts_max, account, state, started_at, ended_at, "
    "attempts, lease_until, worker, fence) select 'purge', '{}', 1, NOW, NOW, 5, id, STATE, NOW, ENDED, 5, LEASE, "
    "'w', 1 from account where name = 'NAME'"
)


def _job(state: int, name: str = "admin") -> str:
    running = state == 1
    text = _JOB.replace("STATE", str(state)).replace("NAME", name)
    return text.replace("ENDED", "null" if running else "NOW").replace(
        "LEASE", "NOW + 36000000000" if running else "null"
    )


FAULTS: dict[str, tuple[str, str, str, str]] = {
    "a failed job": (_job(3), "delete from job where state = 3", "1 job failed within a week", "See why"),
    "damage": (
        "update content set state = 1 where id = (select min(id) from content)",
        "update content set state = 0 where state = 1",
        "1 stored content is damaged",
        "Look",
    ),
    "deliveries": (
        "update webhook set failing_since = NOW",
        "update webhook set failing_since = null",
        "does not answer, since",
        "Look",
    ),
    "a key that ends": (
        "update api_key set expires_at = NOW + 432000000000 where name = 'pipeline'",
        "update api_key set expires_at = NOW + 8640000000000 where name = 'pipeline'",
        "A key ends soon",
        "Rotate",
    ),
    "a stale upload": (
        "insert into upload (id, repo_id, opener, received, expires) select '0000000000000001-a', min(r.id), 1, 5, NOW "
        "from repository r where r.gone_at is null",
        "delete from upload",
        "1 upload waits for its next byte",
        "Look",
    ),
    "a quota": (
        "insert into quota_warning (path, what, at) values ('team', 'bytes', NOW)",
        "delete from quota_warning",
        "of the quota of bytes is used",
        "Free some",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_said_while_it_is(place: Place, fault: str) -> None:
    broken, mended, said, action = FAULTS[fault]
    change(place, mended)
    assert said not in needs(place)
    change(place, broken)
    try:
        text = needs(place)
        assert said in text, text
        assert action in text.partition(said)[2][:400], "one thing to do about it"
        assert said not in needs(place, place.signed_in("stranger")), "what is others' is not theirs to know"
    finally:
        change(place, mended)
    assert said not in needs(place)


def test_a_certificate_is_told_of_before_it_ends() -> None:
    now = 20_000 * DAY
    assert of_certificate(None, now) == []
    assert of_certificate(now + 30 * DAY, now) == []
    (soon,) = of_certificate(now + 29 * DAY, now)
    assert (soon.text, soon.href, soon.at) == ("The certificate ends soon", "/admin/health", now + 29 * DAY)
    (over,) = of_certificate(now, now)
    assert over.text == "The certificate has ended"


def test_running_jobs_stand_in_the_header_while_there_are_some(place: Place) -> None:
    own, operator = place.signed_in("writer"), place.signed_in("operator")
    for browser in (own, operator, place.browser):
        assert 'id="running"' not in place.get("/", browser).text
    change(place, _job(1, "writer"), _job(1, "writer"), _job(1))
    try:
        counted = re.compile(r'id="running"[^>]*href="/jobs\?state=running"[^>]*>.*?running-count">(\d+)<', re.DOTALL)
        for browser, number in ((own, 2), (operator, 3), (place.browser, 3)):
            page = place.get("/n", browser).text
            found = counted.search(page)
            assert found is not None
            assert int(found[1]) == number
            rows = place.get("/jobs?state=running", browser).text.partition("<tbody>")[2]
            assert rows.count('<th scope="row">') == number, "the number opens its sum"
        assert 'id="running"' not in place.get("/n", place.signed_in("reader")).text
        part = place.get("/jobs/-/running", own, part=True).text
        assert 'data-poll="10"' in part
        assert counted.search(part) is not None
        assert own.get(f"{place.url}/jobs/-/running").location.endswith("/jobs?state=running")
    finally:
        change(place, "delete from job where state = 1 and worker = 'w'")
    part = place.get("/jobs/-/running", own, part=True).text
    assert "data-poll" not in part, "there is nothing to ask for any more"
    assert 'id="running" hidden' in part


def test_anybody_chooses_a_theme_without_script(place: Place) -> None:
    reader, nobody = place.signed_in("reader"), Browser()
    for browser, path in ((reader, "/n/team?sort=-name"), (nobody, "/r/open/base"), (nobody, "/sign-in?next=/n")):
        for theme in ("dark", "light", "auto"):
            page = place.get(path, browser)
            done = browser.submit(page, "/theme", theme=theme)
            assert done.status == 303, done.text
            assert done.location == f"{place.url}{path}", "back to where one was"
            assert f'data-theme="{theme}"' in place.get(path, browser).text
    browser = place.signed_in("reader")
    assert browser.submit(place.get("/me", browser), "/theme", theme="dark").status == 303
    assert 'data-theme="dark"' in place.get("/me", place.signed_in("reader")).text, "it is kept with the account"
    assert browser.submit(place.get("/me", browser), "/theme", theme="auto").status == 303
    page = place.get("/r/open/base", nobody)
    assert nobody.submit(page, "/theme", theme="pink").status == 400
    assert nobody.submit(page, "/theme", theme="dark", next="//evil.example/").location == f"{place.url}/"


def test_pulls_and_pushes_stand_on_home(place: Place) -> None:
    text = place.get("/?view=charts", part=True).text
    assert "Pulls and pushes, 30 days" in text
    assert '<a href="/insights">' in text
    maintainer = place.get("/?view=charts", place.signed_in("maintainer"), part=True).text
    assert '<a href="/n/team/-/insights">' in maintainer
    assert "Pulls and pushes, 30 days" not in place.get("/?view=charts", place.signed_in("stranger"), part=True).text
    assert "Pulls and pushes by day" in place.get("/n/team/-/insights").text


def test_a_job_shows_its_lines_and_what_it_left(place: Place) -> None:
    change(
        place,
        _job(2),
        'update job set result = \'{"repositories": 2, "bytes": 2048, "kept": ["team/<b>"], '
        '"left": [{"name": "team/<b>", "reason": "its name is taken"}]}\' where state = 2 and worker = \'w\'',
        "insert into job_line select id, 1048576, NOW, 'attempt 1 begins, <i>by w' from job where worker = 'w'",
    )
    tables = place.tables()
    try:
        (id,) = tables.sql("select max(id) from job where worker = 'w'")
    finally:
        tables.close()
    text = place.get(f"/jobs/{id}").text
    for said in ("attempt 1 begins, &lt;i&gt;by w", "team/&lt;b&gt;", "Its name is taken.", "2.0 KiB", "Retry failed"):
        assert said in text, said
    assert "data-poll" not in text.partition("<main")[2], "what is final is not asked for again"
    operator = place.signed_in("operator")
    done = operator.submit(operator.get(f"{place.url}/jobs/{id}"), f"/jobs/{id}/retry")
    assert done.status == 303
    assert not done.location.endswith(f"/jobs/{id}"), "a new job does what is left"


def test_every_command_of_the_health_page_is_one(place: Place) -> None:
    text = place.get("/admin/health").text
    commands = re.findall(r'<code class="mono">(holdfast [^<]+)</code>', text)
    assert len(commands) >= 8
    for command in commands:
        at: Command = main
        for word in command.split()[1:]:
            if not isinstance(at, Group):
                break
            assert word in at.commands, command
            at = at.commands[word]
        assert not isinstance(at, Group), command
