"""`holdfast webhook`: who is told of what happens, on the registry that one is logged in to."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from holdfast.cli.confirming import confirm
from holdfast.cli.moments import INSTANT, instant, seconds
from holdfast.cli.output import REFUSED, Api, client_verb, plain, show_facts, show_table, when
from holdfast.cli.progress import follow

_WEBHOOK = """\b
Examples:
  holdfast webhook create shop https://deploy.example.com/hook
  holdfast webhook test 3
  holdfast webhook deliveries 3 --state given-up
  holdfast webhook redeliver 3 --failed-since 2h
"""
_CREATE = """\b
Examples:
  holdfast webhook create shop https://deploy.example.com/hook
  holdfast webhook create shop/web https://deploy.example.com/hook --type manifest.pushed --tag 'v*'
  holdfast webhook create shop https://hooks.slack.com/services/T/B/X --shape slack --no-sign
  holdfast webhook create shop https://ci.example.com/harbor --shape harbor --header Authorization=secret
  holdfast webhook create / https://audit.example.com/events --type webhook --type repository
"""
_LIST = """\b
Examples:
  holdfast webhook list
  holdfast webhook list --path shop
"""
_SHOW = """\b
Examples:
  holdfast webhook show 3
"""
_EDIT = """\b
Examples:
  holdfast webhook edit 3 --tag 'v*' --tag latest
  holdfast webhook edit 3 --url https://new.example.com/hook --header Authorization=secret
  holdfast webhook edit 3 --no-tags
"""
_DELETE = """\b
Examples:
  holdfast webhook delete 3
  holdfast webhook delete 3 --yes
"""
_ROTATE = """\b
Examples:
  holdfast webhook rotate 3
  holdfast webhook rotate 3 --overlap 0
"""
_TEST = """\b
Examples:
  holdfast webhook test 3
"""
_DELIVERIES = """\b
Examples:
  holdfast webhook deliveries 3
  holdfast webhook deliveries 3 --state given-up
  holdfast webhook deliveries 3 --event 4711
"""
_REDELIVER = """\b
Examples:
  holdfast webhook redeliver 3 4711
  holdfast webhook redeliver 3 --failed-since 2h
  holdfast webhook redeliver 3 --after 4000 --through 4711
  holdfast webhook redeliver 3 --since 2026-11-22T00:00:00Z
"""
_ENABLE = """\b
Examples:
  holdfast webhook enable 3
"""
_DISABLE = """\b
Examples:
  holdfast webhook disable 3
"""
_STATES = ("waiting", "delivered", "given-up", "skipped")
_ID = click.argument("webhook", type=click.IntRange(1))


@click.group(epilog=_WEBHOOK)
def webhook() -> None:
    """Tell others what happens in a namespace, by HTTP, and see what they answered."""


def _filters(function: Callable[..., None]) -> Callable[..., None]:
    """The options that say of what and how a webhook is told."""
    for option in (
        click.option("--concurrency", type=click.IntRange(1, 32), help="Repositories told at once.  [default: 4]"),
        click.option("--content-type", metavar="TYPE", help="Of the template.  [default: application/json]"),
        click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="Send this header; kept secret."),
        click.option("--template", metavar="FILE", help="The body, with placeholders ('-': standard input)."),
        click.option("--shape", metavar="SHAPE", help="The form of the body.  [default: cloudevents]"),
        click.option("--tag", "tags", multiple=True, metavar="GLOB", help="Only events that name such a tag."),
        click.option("--repository", "repositories", multiple=True, metavar="GLOB", help="Only such repositories."),
        click.option(
            "--type", "events", multiple=True, metavar="TYPE", help="Only such events: a kind, or its first word."
        ),
        click.option("--name", metavar="NAME", help="Its name at this path.  [default: the host]"),
    ):
        function = option(function)
    return function


@webhook.command(epilog=_CREATE)
@click.argument("namespace")
@click.argument("url")
@click.option("--no-sign", is_flag=True, help="Do not sign: for receivers that refuse what they do not know.")
@_filters
@client_verb
def create(api: Api, /, namespace: str, url: str, *, no_sign: bool, **given: Any) -> None:
    """Tell URL what happens in NAMESPACE ('/': everywhere), or in one repository.

    Prints the secret on standard output, this once.
    """
    body = {"path": "" if namespace == "/" else namespace, "url": url, "signed": not no_sign, **_body(given)}
    made = api.client.post("/webhooks", body)
    api.show(made, _show_made)


@webhook.command("list", epilog=_LIST)
@click.option("--path", metavar="PATH", help="Only those of exactly this path.")
@client_verb
def list_(api: Api, *, path: str | None) -> None:
    """List webhooks whose settings one may change."""
    api.show_list(
        api.client.pages("/webhooks", path="" if path == "/" else path),
        ("ID", "PATH", "NAME", "TARGET", "SHAPE", "STATE", "WAITING"),
        lambda each: (
            each["id"],
            each["path"] or "/",
            each["name"],
            each["url"],
            each["shape"],
            _state(each),
            _waiting(each),
        ),
        "no webhooks in your sight",
    )


@webhook.command(epilog=_SHOW)
@_ID
@client_verb
def show(api: Api, webhook: int) -> None:
    """Show WEBHOOK: of what it is told, and how its target does."""
    api.show(api.client.get(f"/webhooks/{webhook}"), _show_webhook)


@webhook.command(epilog=_EDIT)
@_ID
@click.option("--url", metavar="URL", help="Another target; headers are given anew with it.")
@_filters
@click.option("--no-repositories", is_flag=True, help="Of every repository.")
@click.option("--no-tags", is_flag=True, help="Whatever the tag.")
@click.option("--no-headers", is_flag=True, help="Without headers of its own.")
@client_verb
def edit(
    api: Api,
    /,
    webhook: int,
    *,
    url: str | None,
    no_repositories: bool,
    no_tags: bool,
    no_headers: bool,
    **given: Any,
) -> None:
    """Change WEBHOOK; what is not named stays. What waits is told as the webhook is then."""
    body = _body(given) | ({"url": url} if url is not None else {})
    for wiped, field, none in (
        (no_repositories, "repositories", []),
        (no_tags, "tags", []),
        (no_headers, "headers", {}),
    ):
        if wiped and field in body:
            raise click.UsageError(f"--no-{field} and a value contradict each other")
        if wiped:
            body[field] = none
    if not body:
        raise click.UsageError("say what to change")
    api.show(api.client.patch(f"/webhooks/{webhook}", body), _show_webhook)


@webhook.command(epilog=_DELETE)
@_ID
@click.option("--yes", is_flag=True, help="Do not ask.")
@client_verb
def delete(api: Api, webhook: int, *, yes: bool) -> None:
    """Delete WEBHOOK, with what waits for it and what it was told."""
    found = api.client.get(f"/webhooks/{webhook}")
    waiting = [f"{_waiting(found)} deliveries wait for it"] if found["waiting"] else []
    confirm(waiting, f"Delete the webhook {plain(found['name'])} of {found['path'] or '/'}?", yes=yes)
    api.client.delete(f"/webhooks/{webhook}")
    api.show({"deleted": webhook}, f"webhook {webhook} is deleted")


@webhook.command(epilog=_ROTATE)
@_ID
@click.option(
    "--overlap",
    default="24h",
    show_default=True,
    metavar="SPAN",
    help="So long the secret before signs, too: 12h, 7d, or 0.",
)
@client_verb
def rotate(api: Api, webhook: int, *, overlap: str) -> None:
    """Give WEBHOOK a new secret, and print it, this once."""
    made = api.client.post(f"/webhooks/{webhook}/rotate", {"overlap": seconds(overlap)})

    def said(found: dict[str, Any]) -> None:
        if found["old_secret_until"]:
            click.echo(f"the secret before signs, too, until {when(found['old_secret_until'])}", err=True)
        click.echo(found["secret"])

    api.show(made, said)


@webhook.command(epilog=_TEST)
@_ID
@client_verb
def test(api: Api, webhook: int) -> None:
    """Send something to WEBHOOK now, and show what its target answers. Exit status 1: it did not take it."""
    found = api.client.post(f"/webhooks/{webhook}/test")
    api.show(found, lambda each: _show_attempt(each["tries"][0]))
    if found["state"] != "delivered":
        sys.exit(REFUSED)


@webhook.command(epilog=_DELIVERIES)
@_ID
@click.option("--state", type=click.Choice(_STATES), help="Only those that stand so.")
@click.option("--event", type=click.IntRange(1), metavar="EVENT", help="One of them, with its attempts and bodies.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="The most shown.")
@client_verb
def deliveries(api: Api, webhook: int, *, state: str | None, event: int | None, limit: int) -> None:
    """List what WEBHOOK was told, newest first; with --event, everything about one event."""
    if event is not None:
        api.show(api.client.get(f"/webhooks/{webhook}/deliveries/{event}"), _show_delivery)
        return
    api.show_list(
        api.client.pages(f"/webhooks/{webhook}/deliveries", most=limit, state=state),
        ("EVENT", "KIND", "PATH", "STATE", "ATTEMPTS", "MADE", "NEXT OR END"),
        lambda each: (
            each["event"],
            each["kind"],
            each["path"] or "/",
            each["state"],
            each["attempts"],
            when(each["made_at"]),
            when(each["due_at"] or each["ended_at"]),
        ),
        "nothing was told yet",
    )


@webhook.command(epilog=_REDELIVER)
@_ID
@click.argument("event", type=click.IntRange(1), required=False)
@click.option("--failed-since", metavar="TIME", help=f"All that was given up since then: {INSTANT}")
@click.option("--after", type=click.IntRange(0), metavar="EVENT", help="Every event beyond this one ...")
@click.option("--through", type=click.IntRange(0), metavar="EVENT", help="... through this one.")
@click.option("--since", metavar="TIME", help="Every event since then ...")
@click.option("--until", metavar="TIME", help="... until then.")
@client_verb
def redeliver(api: Api, /, webhook: int, event: int | None, failed_since: str | None, **span: Any) -> None:
    """Tell WEBHOOK again: one EVENT, what was given up, or all that it asks for in a part of the journal.

    An event has the id that it had. A webhook that is new is told of what was before it.
    """
    spanned = {name: value for name, value in span.items() if value is not None}
    if sum((event is not None, failed_since is not None, bool(spanned))) != 1:
        raise click.UsageError("say what to tell again: an EVENT, --failed-since, or a part of the journal")
    if event is not None:
        found = api.client.post(f"/webhooks/{webhook}/deliveries/{event}/redeliver")
        api.show(found, f"event {event} is told again")
    elif failed_since is not None:
        found = api.client.post(f"/webhooks/{webhook}/redeliver", {"since": instant(failed_since)})
        api.show(found, f"{found['deliveries']:,} deliveries wait again")
    else:
        for name in ("since", "until"):
            if name in spanned:
                spanned[name] = instant(spanned[name])
        started = api.client.post(f"/webhooks/{webhook}/replay", spanned)
        ended = follow(api, api.client.get(f"/jobs/{started['job']}"), "tell again")
        api.show(
            ended, lambda each: click.echo(f"{(each['result'] or {}).get('deliveries', 0):,} events are told again")
        )


@webhook.command(epilog=_ENABLE)
@_ID
@client_verb
def enable(api: Api, webhook: int) -> None:
    """Let WEBHOOK be told of what happens, and at once of what waits for it."""
    api.show(api.client.post(f"/webhooks/{webhook}/enable"), f"webhook {webhook} is enabled")


@webhook.command(epilog=_DISABLE)
@_ID
@client_verb
def disable(api: Api, webhook: int) -> None:
    """Let WEBHOOK be told nothing more. What waits for it is given up after a day."""
    api.show(api.client.post(f"/webhooks/{webhook}/disable"), f"webhook {webhook} is disabled")


def _body(given: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, as the API takes them."""
    body: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value for name, value in given.items() if value
    }
    if "headers" in body:
        pairs = [text.partition("=") for text in body["headers"]]
        if any(not sign for _, sign, _ in pairs):
            raise click.BadParameter("a header is NAME=VALUE", param_hint="--header")
        body["headers"] = {name: value for name, _, value in pairs}
    if "template" in body:
        file = str(body["template"])
        try:
            body["template"] = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise click.BadParameter(f"{file} cannot be read", param_hint="--template") from error
        body.setdefault("shape", "template")
    return body


def _state(found: dict[str, Any]) -> str:
    if not found["enabled"]:
        return "disabled"
    if found["failing_since"]:
        return f"failing since {when(found['failing_since'])}"
    return f"paused until {when(found['paused_until'])}" if found["paused_until"] else "enabled"


def _waiting(found: dict[str, Any]) -> str:
    return "1,000 or more" if found["waiting"] >= 1000 else str(found["waiting"])


def _show_made(found: dict[str, Any]) -> None:
    signed = found["secret"] is not None
    said = f"webhook {found['id']} ({plain(found['name'])}) tells {plain(found['url'])}: {plain(found['events'])}"
    click.echo(said, err=signed)
    if signed:
        click.echo("its secret is shown this once; the receiver checks signatures by it:", err=True)
        click.echo(found["secret"])


def _show_webhook(found: dict[str, Any]) -> None:
    facts = {
        "id": found["id"],
        "path": found["path"] or "/",
        "name": found["name"],
        "target": found["url"],
        "state": _state(found) + (f": {found['why']}" if found["why"] else ""),
        "waiting": _waiting(found),
        "shape": found["shape"],
        "events": found["events"],
        "repositories": found["repositories"] or "all",
        "tags": found["tags"] or "all",
        "headers": found["headers"],
        "signed": found["signed"],
        "old secret until": when(found["old_secret_until"]),
        "next probe": when(found["probe_at"]),
        "concurrency": found["concurrency"],
        "made": f"{when(found['made_at'])} by {found['made_by']}",
    }
    show_facts(facts)
    if found["template"] is not None:
        click.echo(f"template ({plain(found['content_type'])}):")
        for line in found["template"].splitlines():
            click.echo(f"  {plain(line)}")


def _show_attempt(found: dict[str, Any]) -> None:
    status = found["status"] if found["status"] is not None else "no answer"
    click.echo(f"{'not taken' if found['error'] else 'taken'}: {status} after {found['milliseconds']} ms")
    if found["error"]:
        click.echo(plain(found["error"]))
    if found["body"]:
        click.echo(plain(found["body"]))


def _show_delivery(found: dict[str, Any]) -> None:
    said = f"event {found['event']}, {plain(found['kind'])} of {plain(found['path'] or '/')}: {found['state']}"
    click.echo(said + (f", next {when(found['due_at'])}" if found["due_at"] else ""))
    show_table(
        ("TRY", "AT", "MS", "STATUS", "WHY NOT", "ANSWER"),
        [
            (each["number"], when(each["at"]), each["milliseconds"], each["status"], each["error"], each["body"][:60])
            for each in found["tries"]
        ],
    )
    for each in found["bodies"]:
        click.echo(f"body {each['id']} ({plain(each['content_type'])}):")
        click.echo(json.dumps(json.loads(each["text"]), indent=2) if "json" in each["content_type"] else each["text"])
