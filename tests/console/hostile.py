"""Hostile text in every field that takes text of somebody: as people, clients, providers and targets write it.

Each field has a mark of its own before the same probes, so that pages that show it can be told from those that do not,
and columns that keep it from those that do not. What a field refuses is no probe of it: names of users, robots, keys,
repositories and tags take letters, digits and a few signs alone (hostile_fields.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlencode

from tests.browser.filled import NAMESPACE, REPOSITORY, Filled, Pusher, push_image
from tests.browsing import Browser
from tests.cli.program import holdfast
from tests.console.listener import Listener
from tests.databases import Tables
from tests.management.api import Asker, segment
from tests.openid import new_key, own_provider
from tests.serving import pause
from tests.wire.client import Connection
from tests.wire.content import OCI_LAYER, OCI_MANIFEST, descriptor, digest, encoded, noise, referrer

PROBES = (
    "<svg onload=alert(1)>",
    '"><script>alert(1)</script>',
    "javascript:alert(1)",
    "z{{7*7}}z",
    'x" hx-get="/me" data-poll="1" autofocus onfocus="alert(1)',
    "\N{HEBREW LETTER SHIN}\N{HEBREW LETTER LAMED}\N{HEBREW LETTER VAV}\N{HEBREW LETTER FINAL MEM}",
)
HIDDEN = "\u202etxt.exe\u202c\u200b\u2066\x07\x1b[31m"
"""What is not to be seen, and turns round what follows it."""
LINE = " ".join(PROBES)
"""What a field takes that wants characters that can be seen."""
TEXT = f"{LINE} {HIDDEN}"
LONG = "W" * 200
PATIENCE = 300
APP = f"{NAMESPACE}/hostile"
"""The repository whose image is hostile all through."""
TAG = "v1"


def mark(field: str) -> str:
    """What tells a field's text from every other one's."""
    return f"Q{field.replace('_', '').replace('.', '').replace('-', '')}Q"


def line(field: str, most: int = 400) -> str:
    """The probes on a line, without what cannot be seen; the field's mark at its beginning."""
    return f"{mark(field)} {LINE} {LONG}"[:most]


def text(field: str, most: int = 2000) -> str:
    """The probes with what cannot be seen."""
    return f"{mark(field)} {TEXT} {LONG}"[:most]


def agent(field: str) -> str:
    """What a client calls itself: of what it says, the part up to a space or a slash is kept as its name."""
    return f'{mark(field)}"><svg\tonload=alert(1)>z{{{{7*7}}}}z"autofocus {LINE.encode("ascii", "ignore").decode()}'


class Laid:
    """A filled registry with hostile text everywhere. `extra`: addresses that no row of the table can name."""

    def __init__(self, filled: Filled, listener: Listener) -> None:
        self.filled = filled
        self.listener = listener
        self.extra: list[str] = []
        with ExitStack() as ends:
            self.admin = Asker.named(filled.server, filled.server.admin.username, filled.server.admin.password)
            ends.callback(self.admin.close)
            self._images()
            self._asked()
            self._people()
            self._namespaces()
            self._provider()
            self._federation()
            self._sharing()
            self._webhook()
            self._retention()
            self._clients()
            self._unusual()
            self._job()
            self._settle()

    def tables(self) -> Tables:
        """The database beside the registry."""
        server = self.filled.server
        return Tables(server.env.get("HOLDFAST_DATABASE") or str(server.data / "holdfast.db"))

    def texts(self) -> dict[str, list[str]]:
        """Every column of type text that is not empty: `table.column` -> its values."""
        tables = self.tables()
        try:
            return {f"{table}.{column}": _values(tables, table, column) for table, column in text_columns(tables)}
        finally:
            tables.close()

    def until(self, look: Callable[[], Any]) -> Any:
        """What `look` gives once it gives something."""
        for _ in range(PATIENCE):
            if found := look():
                return found
            pause(0.1)
        raise AssertionError("it did not happen")

    # -- what people write -------------------------------------------------------------------------------------------

    def _people(self) -> None:
        do = self.admin.do
        do(
            201,
            "POST",
            "/users",
            {"name": "hostile", "password": "a pass phrase of the tests", "display": line("display")[:128]},
        )
        do(200, "PATCH", "/users/hostile", {"description": line("user.description")})
        do(201, "POST", "/groups", {"name": "hostile-group", "description": line("group.description")})
        do(204, "PUT", "/groups/hostile-group/members/user:hostile")
        do(
            201,
            "POST",
            "/roles",
            {"name": "hostile-role", "actions": ["pull"], "description": line("role.description")},
        )
        robot = do(
            201, "POST", "/robots", {"namespace": NAMESPACE, "name": "odd", "description": line("robot.description")}
        )
        grant = {"subject": robot["subject"], "role": "writer", "scope": f"{NAMESPACE}/**"}
        do(201, "POST", "/grants", {**grant, "note": line("grant.note")})
        self.key = do(201, "POST", "/keys", {"name": "odd", "owner": robot["subject"]})["secret"]
        do(201, "POST", "/keys", {"name": "stopped", "owner": robot["subject"]})
        do(200, "POST", f"/keys/{segment(robot['subject'])}/stopped/suspend", {"reason": line("key.why")[:300]})
        self.robot = robot["subject"]

    def _namespaces(self) -> None:
        do = self.admin.do
        do(201, "POST", "/namespaces", {"path": f"{NAMESPACE}/odd", "description": line("namespace.description")})
        do(
            200,
            "PATCH",
            f"/namespaces/{NAMESPACE}",
            {"description": line("namespace.above"), "labels": {"odd": line("label")[:250]}},
        )

    # -- what clients push -------------------------------------------------------------------------------------------

    def _images(self) -> None:
        do, pusher = self.admin.do, Pusher(self.admin.connection, APP)
        subject = _image(pusher)
        pusher.blob(b"{}")
        said = {"org.opencontainers.image.title": text("file.title"), "org.example.note": text("referrer.annotation")}
        layer = {**descriptor(b"{}", "text/plain"), "annotations": said}
        artifact = {"artifactType": "application/vnd.example.odd+json", "annotations": said, "layers": [layer]}
        pusher.manifest(referrer(subject, **artifact))
        pusher.manifest(encoded({**json.loads(referrer(subject, **artifact)), "subject": None}), "files")
        readme = f"# {text('readme')[:400]}\n\n".replace(HIDDEN, "") + _MARKDOWN
        do(
            200,
            "PATCH",
            f"/repositories/{segment(APP)}",
            {"description": readme, "labels": {"odd": line("label.repository")[:250]}},
        )
        do(
            200,
            "PATCH",
            f"/repositories/{segment(REPOSITORY)}",
            {"description": line("description"), "labels": {"odd": line("label.app")[:250]}},
        )
        push_image(pusher, "gone")
        pusher.delete("gone")

    def _asked(self) -> None:
        """Several tags that are changed, and lists as files; and of both what only a failure writes."""
        server, browser = self.filled.server, Browser()
        page = browser.get(f"{server.url}/sign-in")
        admin = {"name": server.admin.username, "password": server.admin.password}
        assert browser.submit(page, "/sign-in", **admin).status == 303
        push_image(Pusher(self.admin.connection, APP), "several")
        said = {"User-Agent": agent("agent.asked")}
        made: list[str] = []
        for action, more in (
            (f"/r/{APP}/-/selected", {"do": "label", "pick": "several"}),
            (f"/r/{APP}/-/selected", {"do": "label", "pick": "several"}),
            ("/exports", {"q": line("export.query")[:200]}),
            ("/exports", {}),
        ):
            fields = browser.get(f"{server.url}/r/{APP}/-/tags").forms()[action]
            answer = browser.post(server.url + action, {**fields, **more}, said)
            assert answer.status == 303, answer.text
            made.append(answer.location.removeprefix(server.url))
        wish = {"name": "org.example.odd", "text": line("change.text")}
        assert browser.submit(browser.get(server.url + made[0]), f"{made[0]}/start", **wish).status == 303
        for path in (made[0], made[2], made[3]):
            self.until(lambda path=path: "data-poll" not in browser.get(server.url + path).text)  # type: ignore[misc]
        tables = self.tables()
        try:
            change, file = (int(path.rpartition("/")[2]) for path in (made[0], made[3]))
            tables.sql("update tag_change_item set why = ? where change_id = ?", text("change.why", 400), change)
            tables.sql("update list_file set why = ? where id = ?", text("export.why", 400), file)
        finally:
            tables.close()
        self.extra += [*made, f"/r/{APP}/-/tags/several?view=config"]

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """The registry, while it refuses writes for a reason that is hostile."""
        logs, where = self.filled.server.logs, ("--data", str(self.filled.server.data))
        holdfast(logs, "read-only", "on", "--reason", line("mode.reason"), *where)
        try:
            yield
        finally:
            holdfast(logs, "read-only", "off", *where)

    # -- what providers and issuers say ------------------------------------------------------------------------------

    def _provider(self) -> None:
        server = self.filled.server
        with own_provider() as provider:
            provider.claims |= {
                "name": line("provider.display")[:128],
                "sub": line("provider.subject")[:200],
                "groups": [line("provider.group")[:200]],
            }
            body = {
                "name": "odd",
                "issuer": provider.issuer,
                "client_id": "holdfast",
                "client_secret": "a-secret-of-the-client",
            }
            self.admin.do(201, "POST", "/providers", {**body, "title": line("provider.title")[:256]})
            browser = Browser()
            begun = browser.get(f"{server.url}/sign-in/odd")
            assert begun.status == 303, begun.text
            done = browser.follow(browser.get(provider.approve(begun.location)))
            assert done.status == 200, done.text
            self.admin.do(200, "PATCH", "/providers/odd", {"groups_claim": line("provider.claim")[:256]})
            browser = Browser()
            browser.follow(browser.get(provider.approve(browser.get(f"{server.url}/sign-in/odd").location)))
            odd = {"client_id": line("provider.client")[:256], "name_claim": line("provider.name")[:256]}
            self.admin.do(200, "PATCH", "/providers/odd", odd)

    def _federation(self) -> None:
        do = self.admin.do
        do(
            201,
            "POST",
            "/issuers",
            {
                "name": "odd",
                "iss": "https://ci.example",
                "audience": f"{mark('audience')}<svg/onload=alert(1)>{{{{7*7}}}}",
                "jwks": {"keys": [new_key("odd").as_dict(private=False)]},
            },
        )
        rule = {"namespace": NAMESPACE, "name": "odd", "issuer": "odd", "robot": self.robot.partition(":")[2]}
        do(201, "POST", "/federation/rules", {**rule, "claims": {"sub": line("claim")[:250]}})

    # -- what people ask one another ---------------------------------------------------------------------------------

    def _sharing(self) -> None:
        do = self.admin.do
        person = Asker.named(self.filled.server, "hostile", "a pass phrase of the tests")
        try:
            for action, note in (("pull", "request.note"), ("create-tag", "request.declined")):
                asked = {"action": action, "repository": REPOSITORY, "note": line(note)}
                id = person.do(201, "POST", "/access-requests", asked)["id"]
                self.extra.append(f"/access-requests/{id}")
        finally:
            person.close()
        do(200, "POST", f"/access-requests/{id}/decline", {"reason": line("request.reason")})
        do(201, "POST", "/invitations", {"role": "reader", "scope": f"{NAMESPACE}/**", "note": line("invitation.note")})

    # -- what targets of webhooks answer -----------------------------------------------------------------------------

    def _webhook(self) -> None:
        do = self.admin.do
        self.listener.status, self.listener.body = 500, text("webhook.body")
        self.listener.headers = {"X-Said": line("webhook.answer").encode("ascii", "ignore").decode()}
        template = json.dumps({"text": line("webhook.template")})
        body = {"path": NAMESPACE, "url": self.listener.url + "/hook", "name": "odd", "events": ["tag.moved"]}
        id = do(201, "POST", "/webhooks", {**body, "shape": "template", "template": template})["id"]
        tried = do(200, "POST", f"/webhooks/{id}/test")
        self.webhook = f"/webhooks/{id}"
        self.extra += [self.webhook, f"{self.webhook}/edit", f"{self.webhook}/deliveries/{tried['event']}"]

    # -- what rules are called ---------------------------------------------------------------------------------------

    def _retention(self) -> None:
        do = self.admin.do
        rules = {"rules": [{"name": line("rule.name")[:60], "action": "drop", "tags": ["v1.9"], "older_than": "1s"}]}
        do(200, "PUT", "/settings/retention", {"path": REPOSITORY, "value": json.dumps(rules)})
        plan = do(202, "POST", "/retention/plans", {"path": REPOSITORY})
        self.until(lambda: do(200, "GET", f"/jobs/{plan['job']}")["ended_at"])
        self.extra += [f"/r/{REPOSITORY}/-/retention/plans/{plan['plan']}", f"/jobs/{plan['job']}"]
        rules["rules"][0]["name"] = line("rule.tried")[:60]
        tried = do(202, "POST", "/retention/plans", {"path": REPOSITORY, "rules": rules})
        self.until(lambda: do(200, "GET", f"/jobs/{tried['job']}")["ended_at"])
        self.extra.append(f"/r/{REPOSITORY}/-/retention/plans/{tried['plan']}")
        purged = Pusher(self.admin.connection, APP)
        manifest = push_image(purged, "bad", layers=1, seed="bad")
        bad = {"repository": APP, "reference": digest(manifest)}
        do(202, "POST", "/purges", {**bad, "reason": line("purge.reason")})

    # -- what clients call themselves --------------------------------------------------------------------------------

    def _clients(self) -> None:
        server = self.filled.server
        Pusher(self.admin.connection, APP).pull(TAG, agent("agent"))
        person = self.filled.people["reader"]
        reader = Asker.named(server, "reader", person.password)
        robot = Asker.named(server, self.robot.partition(":")[2], self.key)
        try:
            Pusher(reader.connection, REPOSITORY).pull("v1.10", agent("agent.reader"))
            Pusher(robot.connection, REPOSITORY).pull("v1.10", agent("agent.key"))
            _begin(robot.connection, APP, agent("agent.upload"))
        finally:
            reader.close()
            robot.close()
        asked = {
            "grant_type": "password",
            "username": server.admin.username,
            "password": server.admin.password,
            "service": "holdfast",
            "access_type": "offline",
            "client_id": text("token.client", 100),
        }
        form = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": agent("agent.token")}
        answer = self.admin.connection.ask("POST", "/token", urlencode(asked).encode(), form)
        assert answer.status == 200, answer
        again = {"grant_type": "refresh_token", "service": "holdfast", "client_id": "docker"}
        again["refresh_token"] = answer.json["refresh_token"]
        assert self.admin.connection.ask("POST", "/token", urlencode(again).encode(), form).status == 200
        browser = Browser()
        said = {"User-Agent": agent("agent.browser")}
        page = browser.get(f"{server.url}/sign-in", said)
        fields = {**page.forms()["/sign-in"], "name": server.admin.username, "password": server.admin.password}
        assert browser.post(f"{server.url}/sign-in", fields, said).status == 303

    # -- what only a detector, or a failure, writes ------------------------------------------------------------------

    def _unusual(self) -> None:
        tables = self.tables()
        try:
            secret = tables.sql(
                "select s.id from api_secret s join api_key k on k.id = s.key_id where k.name = 'pipeline'"
            )[0]
            now = tables.sql("select max(made_at) from job")[0]
            findings = json.dumps([["agent", 60, text("alert.finding", 400), text("alert.usual", 400)]])
            tables.sql(
                "insert into unusual_alert (path, subject, credential, network, cause, score, began_at, last_at, times,"
                " findings, also) values (?, 'robot:team+ci', ?, '192.0.2.0/24', 'activity', 80, ?, ?, 1, ?, ?)",
                *(NAMESPACE, f"key:{secret}", now, now, findings, json.dumps([text("alert.also", 400)])),
            )
            id = tables.sql("select max(id) from unusual_alert")[0]
        finally:
            tables.close()
        self.admin.do(200, "POST", f"/unusual/alerts/{id}/acknowledge", {"note": line("alert.note")})
        self.extra.append(f"/unusual/alerts/{id}")

    def _job(self) -> None:
        tables = self.tables()
        try:
            now = tables.sql("select max(made_at) from job")[0]
            result = {
                "deleted": 4,
                "failed": [{"repository": text("job.failed", 400), "reason": text("job.failed.why", 400)}],
            }
            data = {"path": text("job.path", 400)}
            tables.sql(
                "insert into job (kind, data, priority, run_at, made_at, attempts_max, account, state, started_at,"
                " ended_at, attempts, error, result) values (?, ?, 1, ?, ?, 5, 1, 3, ?, ?, 5, ?, ?)",
                *("delete-namespace", json.dumps(data), now, now, now, now, text("job.error", 400), json.dumps(result)),
            )
            id = tables.sql("select max(id) from job where state = 3")[0]
            said = text("job.line", 400)
            tables.sql("insert into job_line (job_id, seq, at, text) values (?, 1, ?, ?)", id, now, said)
            self.extra.append(f"/jobs/{id}")
        finally:
            tables.close()

    def _settle(self) -> None:
        """Wait for what is written later: use, insights, and what is searched for."""

        def written() -> bool:
            found = self.texts()
            return all(
                any(mark(field) in value for value in found[column])
                for field, column in (("agent", "insight_name.text"), ("agent.upload", "api_secret.used_agent"))
            )

        self.until(written)
        tables = self.tables()
        try:
            claims = json.dumps({"sub": line("use.claim"), mark("use.claimed"): LINE})
            groups = json.dumps([line("use.group")])
            tables.sql(
                "update access_use set claims = ?, groups = ? where agent like ?",
                claims,
                groups,
                f"{mark('agent.reader')}%",
            )
        finally:
            tables.close()


def text_columns(tables: Tables) -> list[tuple[str, str]]:
    """Every column of type text: table, column."""
    names = tables.sql("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'")
    return sorted(
        (table, column)
        for table in names
        for column in tables.sql(f"select name from pragma_table_info('{table}') where lower(type) = 'text'")
    )


def _values(tables: Tables, table: str, column: str) -> list[str]:
    return [str(value) for value in tables.sql(f'select "{column}" from "{table}" where "{column}" is not null')]


def _begin(connection: Connection, repository: str, agent: str) -> None:
    begun = connection.ask("POST", f"/v2/{repository}/blobs/uploads/", b"", {"User-Agent": agent})
    assert begun.status == 202, begun
    sent = connection.ask("PATCH", begun["location"], noise(900, "odd"), {"User-Agent": agent})
    assert sent.status == 202, sent


_MARKDOWN = """
[a link](javascript:alert(1)) ![a picture](https://evil.example/x.png) <img src=x onerror=alert(1)>

<svg onload=alert(1)> {{7*7}} <a hx-get="/me" href="javascript:alert(1)">x</a>

| a | b |
| - | - |
| <script>alert(1)</script> | [x](data:text/html,<script>alert(1)</script>) |

```html
<svg onload=alert(1)>
```
"""


def _image(pusher: Pusher) -> bytes:
    """An image that is hostile all through; gives its manifest."""
    body = pusher.blob(noise(2000, "hostile"))
    config = json.dumps(
        {
            "created": "2026-11-01T10:00:00Z",
            "author": text("config.author"),
            "architecture": text("config.architecture")[:100],
            "os": text("config.os")[:100],
            "variant": text("config.variant")[:100],
            "config": {
                "User": text("config.user"),
                "ExposedPorts": {text("config.port"): {}},
                "Env": [f"{mark('env.name')}<svg onload=alert(1)>={text('env')}", f"DB_PASSWORD={text('env.secret')}"],
                "Entrypoint": [text("config.entrypoint")],
                "Cmd": [text("config.command")],
                "Volumes": {text("config.volume"): {}},
                "WorkingDir": text("config.directory"),
                "StopSignal": text("config.signal"),
                "Labels": {text("label.name"): text("label.value")},
            },
            "rootfs": {"type": "layers", "diff_ids": [digest(body)]},
            "history": [
                {
                    "created": text("history.created"),
                    "created_by": text("layer.command"),
                    "comment": text("layer.comment"),
                    "author": text("layer.author"),
                },
                {"created_by": text("layer.empty"), "empty_layer": True},
            ],
        }
    ).encode()
    pusher.blob(config)
    manifest = encoded(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [
                {**descriptor(body, OCI_LAYER), "annotations": {text("layer.annotation"): text("layer.annotated")}}
            ],
            "annotations": {
                text("annotation.name"): text("annotation"),
                "org.opencontainers.image.source": "javascript:alert(1)",
                "org.opencontainers.image.url": f"javascript:alert(1)//{mark('annotation.url')}",
                "org.opencontainers.image.documentation": "data:text/html,<svg onload=alert(1)>",
            },
        }
    )
    pusher.manifest(manifest, TAG)
    return manifest
