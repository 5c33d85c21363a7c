"""`holdfast login`, `logout`, `context` and `me`: which registry the client verbs talk to, and as whom."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import click

from holdfast.cli.client import Client, Problem, Unreachable
from holdfast.cli.contexts import Context, ContextError, check_url, read_contexts, write_contexts
from holdfast.cli.output import Api, client_verb, plain, refusals, show_facts, show_table, when

_LOGIN = """\b
Examples:
  printf %s "$PASSWORD" | holdfast login https://registry.example.com -u alice --password-stdin
  holdfast login http://127.0.0.1:5000 -u admin          asks for the password
  holdfast login https://registry.example.com -u shop+ci --password-stdin < key
\b
What is kept is a token that `holdfast logout` ends, never the password. In a pipeline nobody needs to log in: set
HOLDFAST_URL and HOLDFAST_KEY.
"""
_LOGOUT = """\b
Examples:
  holdfast logout
  holdfast logout alice@registry.example.com
"""
_CONTEXT = """\b
Examples:
  holdfast context list
  holdfast context use alice@registry.example.com
"""
_LIST = """\b
Examples:
  holdfast context list
"""
_USE = """\b
Examples:
  holdfast context use alice@registry.example.com
"""
_ME = """\b
Examples:
  holdfast me
  holdfast me --json
"""


@click.command(epilog=_LOGIN)
@click.argument("url")
@click.option("-u", "--user", required=True, metavar="NAME", help="A user, or a robot (NAMESPACE+NAME).")
@click.option("--password-stdin", is_flag=True, help="Read the password or key from standard input.")
@click.option("--ca-file", metavar="FILE", help="Trust the certificates in FILE instead of the machine's.")
@click.option("--insecure-http", is_flag=True, help="Send secrets over plain HTTP to another machine.")
@click.option("--context", "name", metavar="NAME", help="Keep it under this name instead of USER@HOST.")
def login(
    url: str, *, user: str, password_stdin: bool, ca_file: str | None, insecure_http: bool, name: str | None
) -> None:
    """Log in to the registry at URL, which the other verbs then talk to.

    Several registries and users can be kept side by side: see `holdfast context`.
    """
    with refusals():
        context = Context(check_url(url), user, ca=_absolute(ca_file), insecure_http=insecure_http)
        kept = read_contexts()
        client = Client(context)
        secret = read_secret(from_stdin=password_stdin, prompt="Password")
        refresh = client.log_in(secret)
        found = client.get("/me")
        if found["open"]:
            click.echo("holdfast: this registry is open: everyone may do everything, and nobody is logged in", err=True)
        elif refresh is not None:
            context = replace(context, refresh=refresh)
        elif secret.startswith("hf_"):
            context = replace(context, key=secret)  # the registry gives none for it: the key itself is what there is
        else:
            raise ContextError("the registry keeps no log-in by password for this user: make a key, and log in with it")
        called = name or f"{user}@{context.url.partition('://')[2]}"
        before = kept.named.get(called)
        write_contexts(kept.with_(called, context))
        if before is not None:
            _end(before)
    click.echo(f"logged in to {context.url} as {plain(user)} (context {plain(called)})")


@click.command(epilog=_LOGOUT)
@click.argument("context", required=False)
def logout(context: str | None) -> None:
    """End the log-in of CONTEXT (else of the current one): the registry refuses its token from now on."""
    with refusals():
        kept = read_contexts()
        called = context or kept.current
        if not called:
            raise ContextError("nobody is logged in")
        found = kept.find(called)
        write_contexts(kept.without(called))
        ended = _end(found)
    click.echo(f"logged out of {plain(called)}")
    if not ended:
        click.echo("holdfast: the registry could not be told: its token lives on until it expires", err=True)


@click.group("context", epilog=_CONTEXT)
def contexts() -> None:
    """Which registries and users are logged in here, and which one is used."""


@contexts.command("list", epilog=_LIST)
def list_() -> None:
    """List the contexts; the one in use is marked."""
    with refusals():
        kept = read_contexts()
        if not kept.named:
            click.echo("nobody is logged in")
            return
        rows = [("*" if name == kept.current else "", name, each.url, each.user) for name, each in kept.named.items()]
        show_table(("", "CONTEXT", "REGISTRY", "USER"), rows)


@contexts.command("use", epilog=_USE)
@click.argument("context")
def use(context: str) -> None:
    """Let the verbs talk to CONTEXT from now on."""
    with refusals():
        write_contexts(read_contexts().using(context))
    click.echo(f"using {plain(context)}")


@click.command(epilog=_ME)
@client_verb
def me(api: Api) -> None:
    """Show who the registry takes you for, and by which grants you may do what."""
    api.show(api.client.get("/me"), lambda found: _show_me(api.client.context.url, found))


def _show_me(url: str, found: dict[str, Any]) -> None:
    roles = [name for name in ("administrator", "operator") if found[name]]
    facts = {"registry": url, "subject": found["subject"], "logged in by": found["credential"], "is": roles}
    bounds = [f"{plain(each['actions'])} on {_scope(each)}" for each in found["bounds"] or []]
    show_facts({**facts, "until": when(found["until"]), "the key may at most": bounds})
    rows = [
        (
            each["id"],
            each["subject"],
            each["role"] or f"deny {plain(each['actions'])}",
            each["scope"],
            when(each["expires_at"]),
        )
        for each in found["grants"]
    ]
    if rows:
        click.echo()
        show_table(("GRANT", "SUBJECT", "ROLE", "WHERE", "UNTIL"), rows)


def read_secret(*, from_stdin: bool, prompt: str, confirm: bool = False) -> str:
    """A password or key: standard input without its last line end, or what is typed unseen at a terminal."""
    if from_stdin:
        secret = sys.stdin.read(65536)
        secret = secret.removesuffix("\n").removesuffix("\r")
    elif sys.stdin.isatty():
        secret = str(click.prompt(prompt, hide_input=True, confirmation_prompt=confirm))
    else:
        raise click.UsageError("give --password-stdin: there is no terminal to ask at")
    if not secret:
        raise click.UsageError("there is nothing on standard input")
    return secret


def _end(context: Context) -> bool:
    """End the log-in at the registry; False when that failed."""
    if not context.refresh:
        return True
    try:
        Client(context).delete("/sessions/current")
    except (Problem, Unreachable):
        return False
    return True


def _absolute(path: str | None) -> str:
    from pathlib import Path

    return str(Path(path).absolute()) if path else ""


def _scope(bound: dict[str, Any]) -> str:
    return plain(bound["repository"] if bound["tag"] is None else f"{bound['repository']}:{bound['tag']}")
