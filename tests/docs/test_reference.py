"""The reference pages say all that the code knows, and nothing that it does not."""

from __future__ import annotations

import re
from pathlib import Path

import click
from tests.docs.pages import REFERENCE, ROOT, code, section, table

from holdfast.access import password
from holdfast.access.grants.service import MOST_TO_ONE
from holdfast.access.policy.globs import REPOSITORY_LIMIT, TAG_LIMIT
from holdfast.access.policy.model import BUILT_IN_ROLES, SYSTEM_ACTIONS, TAG_ACTIONS, Action
from holdfast.access.policy.reasons import NOT_LOGGED_IN, OUT_OF_BOUNDS, STRANGER
from holdfast.access.policy.written import MOST_CLAIMS, MOST_NETWORKS, MOST_TIMES
from holdfast.app.config import Option, options
from holdfast.app.quantities import DURATION_FORM, SIZE_FORM
from holdfast.cli.main import main
from holdfast.db.migrate import migrations
from holdfast.distribution.errors import TABLE
from holdfast.distribution.request import HEADER_BYTES
from holdfast.distribution.router import Endpoint
from holdfast.journal.model import ChangeKind
from holdfast.oci import document, manifest, mediatype, name
from holdfast.oci.digest import ALGORITHMS
from holdfast.registry.immutability import rules as immutability
from holdfast.registry.listing.service import REFERRERS_PAGE
from holdfast.registry.namespaces import saying
from holdfast.registry.purge import service as purge

SOURCE = ROOT / "src" / "holdfast"


# -- settings ---------------------------------------------------------------------------------------------------------


def test_every_setting_is_documented_as_it_is() -> None:
    rows = table(REFERENCE / "settings.md", "setting")
    shown = {row["setting"]: (row["flag"], row["environment"], row["default"], row["allowed"]) for row in rows}
    assert len(shown) == len(rows)
    assert shown == {f"`{each.name}`": _facts(each) for each in options()}
    assert all(row["meaning"] for row in rows)


def _facts(option: Option) -> tuple[str, str, str, str]:
    flag = f"`{option.flag}`"
    default = "none"
    if isinstance(option.default, bool):
        flag += f", `--no-{option.flag.removeprefix('--')}`"
        default = f"`{str(option.default).lower()}`"
    elif option.default not in (None, ()):
        default = f"`{option.kind.plain(option.default)}`"
    allowed = option.kind.allowed.replace(DURATION_FORM, "[duration](#durations)").replace(SIZE_FORM, "[size](#sizes)")
    return "none" if option.secret else flag, f"`{option.environment}`", default, allowed


# -- command line -----------------------------------------------------------------------------------------------------


def test_every_verb_and_flag_is_documented() -> None:
    page = REFERENCE / "cli.md"
    verbs = {" ".join(path): command for path, command in _verbs(main, ("holdfast",)) if command is not main}
    assert set(re.findall(r"^## (holdfast .+)$", page.read_text(encoding="utf-8"), re.MULTILINE)) == set(verbs)
    assert [code(row["verb"])[0] for row in table(page, "verb")] == list(
        dict.fromkeys(re.findall(r"^## (holdfast .+)$", page.read_text(encoding="utf-8"), re.MULTILINE))
    )
    settings = {each.name: each for each in options()}
    for verb, command in verbs.items():
        text = section(page, verb)
        listed = {word.split()[0] for line in text.splitlines() if line.startswith("| ") for word in code(line)[:7]}
        whole = "every flag of [settings](settings.md)" in text
        flags = set()
        for parameter in command.params:
            names = {*parameter.opts, *parameter.secondary_opts} if isinstance(parameter, click.Option) else set()
            setting = any(each.flag in names for each in settings.values())
            if not (whole and setting):
                flags |= names
        assert flags <= listed, f"{verb}: {sorted(flags - listed)} are not documented"
        known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
        assert {word for word in listed if word.startswith("--")} <= known, f"{verb}: documents what it has not"
        assert [each.name for each in command.params if isinstance(each, click.Argument)] in (
            [],
            [word.rstrip(".").lower() for word in re.findall(r"^\| `([A-Z.]+)`", text, re.MULTILINE)],
            ["hosts"],
        )


def test_the_program_itself_is_documented() -> None:
    text = section(REFERENCE / "cli.md", "holdfast")
    assert {name for each in main.params for name in each.opts} | {"-h", "--help"} == {
        word for word in code(text) if word.startswith("-")
    }


def _verbs(command: click.Command, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        return [(path, command)]
    own: list[tuple[tuple[str, ...], click.Command]] = [(path, command)] if command.invoke_without_command else []
    return own + [found for name, inner in command.commands.items() for found in _verbs(inner, (*path, name))]


# -- errors -----------------------------------------------------------------------------------------------------------


def test_every_refusal_is_documented_as_it_is() -> None:
    rows = table(REFERENCE / "errors.md", "refusal")
    shown = {row["refusal"]: (row["status"], row["code"]) for row in rows}
    assert len(shown) == len(rows)
    assert shown == {
        f"`{kind.__module__.split('.')[1]}.{kind.__name__}`": (str(status), f"`{code}`")
        for kind, (status, code) in TABLE.items()
    }
    assert all(row["when"] for row in rows)


def test_every_code_has_its_statuses() -> None:
    wanted: dict[str, set[int]] = {"UNSUPPORTED": {500}}
    for status, name_of_code in TABLE.values():
        wanted.setdefault(name_of_code, set()).add(status)
    shown = {code(row["code"])[0]: row["statuses"] for row in table(REFERENCE / "errors.md", "code")}
    assert shown == {name: ", ".join(map(str, sorted(found))) for name, found in wanted.items()}


# -- journal, permissions, tables -------------------------------------------------------------------------------------


def test_every_kind_of_change_is_documented_and_whether_it_is_recorded() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    shown = {code(row["kind"])[0]: row["recorded"] for row in table(REFERENCE / "events.md", "kind")}
    assert shown == {str(kind): "yes" if f"ChangeKind.{kind.name}" in source else "no" for kind in ChangeKind}


def test_every_action_is_documented() -> None:
    rows = table(REFERENCE / "permissions.md", "action")
    assert [code(row["action"])[0] for row in rows] == [*map(str, Action)]
    about = dict.fromkeys(TAG_ACTIONS, "tags") | dict.fromkeys(SYSTEM_ACTIONS, "the installation")
    assert [row["about"] for row in rows] == [about.get(action, "repositories") for action in Action]


def test_every_built_in_role_is_documented_as_it_is() -> None:
    shown = {code(row["role"])[0]: row["actions"] for row in table(REFERENCE / "permissions.md", "role")}
    assert list(shown) == [*BUILT_IN_ROLES]
    for role, actions in BUILT_IN_ROLES.items():
        wanted = "all of them" if actions == frozenset(Action) else ", ".join(f"`{each}`" for each in sorted(actions))
        assert shown[role] == wanted


def test_every_reason_of_a_refusal_is_documented() -> None:
    shown = {row["reason"] for row in table(REFERENCE / "permissions.md", "reason")}
    assert {STRANGER, NOT_LOGGED_IN, OUT_OF_BOUNDS} <= shown


def test_the_limits_of_conditions_are_what_the_code_says() -> None:
    text = " ".join(section(REFERENCE / "permissions.md", "Conditions").split())
    assert f"At most {MOST_NETWORKS} networks, {MOST_TIMES} windows and {MOST_CLAIMS} claims." in text


def test_every_table_is_documented() -> None:
    laid = {"schema_migration"}
    for step in migrations():
        laid |= set(re.findall(r"^create table (\w+)", step.sql, re.MULTILINE))
    assert {code(row["table"])[0] for row in table(REFERENCE / "data-directory.md", "table")} == laid


def test_the_columns_of_the_journal_are_documented() -> None:
    laid = re.search(r"^create table journal \((.*?)^\)", migrations()[0].sql, re.MULTILINE | re.DOTALL)
    assert laid is not None
    columns = re.findall(r"^  (\w+) ", laid[1], re.MULTILINE)
    shown = [word for row in table(REFERENCE / "events.md", "column") for word in code(row["column"])]
    assert shown == columns


# -- routes, events, limits -------------------------------------------------------------------------------------------


def test_every_route_is_documented() -> None:
    requests = " ".join(row["request"] for row in table(REFERENCE / "api.md", "request"))
    routes = {
        Endpoint.PING: "/v2/`",
        Endpoint.CATALOG: "/v2/_catalog",
        Endpoint.MANIFEST: "/v2/NAME/manifests/",
        Endpoint.BLOB: "/v2/NAME/blobs/DIGEST",
        Endpoint.UPLOADS: "/v2/NAME/blobs/uploads/",
        Endpoint.UPLOAD: "SESSION",
        Endpoint.TAGS: "/v2/NAME/tags/list",
        Endpoint.REFERRERS: "/v2/NAME/referrers/",
        Endpoint.TOKEN: "GET /token",
        Endpoint.KEYS: "/.well-known/jwks.json",
        Endpoint.UNROUTED: "",
    }
    assert set(routes) == set(Endpoint)
    assert all(path in requests for path in routes.values())


def test_every_event_is_documented() -> None:
    calls = re.compile(r'events\.(info|warning|error)\(\s*"([^"]+)"')
    found = {each for path in SOURCE.rglob("*.py") for each in calls.findall(path.read_text(encoding="utf-8"))}
    rows = table(REFERENCE / "logs.md", "event")
    assert {(row["level"], code(row["event"])[0]) for row in rows} == found


def test_limits_are_what_the_code_says() -> None:
    shown = {row["what"]: row["limit"] for row in table(REFERENCE / "limits.md", "what")}
    facts = {
        "repository name": f"{name.MAX_NAME} characters",
        "tag": f"{name.MAX_TAG} characters",
        "description of a path": f"{saying.DESCRIPTION_BYTES >> 10} KiB",
        "labels of a path": f"{saying.MOST_LABELS}",
        "name of a label": f"{saying.LABEL_NAME} characters",
        "value of a label": f"{saying.LABEL_VALUE} characters",
        "rules of immutable tags of a path": f"{immutability.MOST_RULES}",
        "exceptions of such a rule": f"{immutability.MOST_EXCEPTIONS}",
        "reason of a purge": f"{purge.REASON_LIMIT} characters",
        "manifest": f"{manifest.MAX_BYTES >> 20} MiB",
        "descriptors in a manifest": f"{manifest.MAX_DESCRIPTORS:,}",
        "depth of a manifest's JSON": f"{document.MAX_DEPTH} levels",
        "values in a manifest's JSON": f"{document.MAX_VALUES:,}",
        "media type": f"{mediatype.MAX_LENGTH} characters",
        "digest algorithms": ", ".join(f"`{each}`" for each in ALGORITHMS),
        "header values together": f"{HEADER_BYTES >> 10} KiB, else 431",
        "page of referrers": f"{REFERRERS_PAGE} entries, and 3 MiB of their manifests (one at least)",
        "repository glob": f"{REPOSITORY_LIMIT} characters",
        "tag glob": f"{TAG_LIMIT} characters",
        "networks, time windows and claims of a grant": f"{MOST_NETWORKS}, {MOST_TIMES} and {MOST_CLAIMS}",
        "grants to one subject": f"{MOST_TO_ONE:,}",
        "password": f"{password.MINIMUM_LENGTH} to 1,024 characters",
    }
    assert {what: shown[what] for what in facts} == facts


def test_limits_that_are_settings_have_their_default() -> None:
    by_name = {each.name: each for each in options()}
    for row in table(REFERENCE / "limits.md", "what"):
        for setting in code(row.get("setting", "")):
            option = by_name[setting]
            default = option.default if isinstance(option.default, int) else None
            plain = str(option.kind.plain(option.default))
            wanted = f"{default:,}" if default is not None and plain == str(default) else _spaced(plain)
            assert row["limit"].startswith(wanted), f"{row['what']}: the default is {wanted}"


def _spaced(quantity: str) -> str:
    """`16KiB` and `30s` as prose writes them."""
    match = re.fullmatch(r"(\d+)(\w+)", quantity)
    assert match is not None
    return f"{match[1]} {'min' if match[2] == 'm' else match[2]}"


def test_files_of_the_data_directory_are_those_that_are_made(tmp_path: Path) -> None:
    from tests.serving import running_server

    text = (REFERENCE / "data-directory.md").read_text(encoding="utf-8")
    with running_server(tmp_path) as server:
        made = {path.name for path in [*server.data.iterdir(), *(server.data / "store").iterdir()]}
    missing = {each for each in made if each not in text}
    assert not missing, f"not documented: {sorted(missing)}"
