"""`holdfast collect`: what nothing keeps any more goes now, through the registry or beside it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from holdfast.app.config import ConfigError, Loaded, load, options
from holdfast.cli.client import Client
from holdfast.cli.output import Api, plain, refusals, show_table
from holdfast.cli.settings_flags import DATABASE_FLAGS, settings_flags
from holdfast.cli.sizes import size_text

_HOST = (*DATABASE_FLAGS, "storage.url")
_FLAGS = (*_HOST, "window", "lease", "collect.grace", "uploads.expire")
_SHOWN = 20
_EXAMPLES = """\b
Examples:
  holdfast collect --dry-run                   what would go now, through the registry that you are logged in to
  holdfast collect --now                       let it go, and see how much it was
  holdfast collect --now --data /srv/registry  the same on the registry's machine, beside it or without it
\b
  holdfast collect --dry-run --window 0 team/nightly
  holdfast collect --now --window 0 team/nightly
      In an emergency: what team/nightly keeps for undelete and rollback goes, too.
\b
  holdfast collect --now --force               delete litter that is more than 5 % of the store
"""


@click.command(epilog=_EXAMPLES)
@settings_flags(*_FLAGS)
@click.argument("namespace", required=False)
@click.option("--now", is_flag=True, help="Collect, and wait until it is done.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--force", is_flag=True, help="Delete objects that no row knows though they are more than 5 %.")
@click.option("--yes", is_flag=True, help="Do not ask before history is cut off.")
@click.option("--json", "as_json", is_flag=True, help="JSON, as the API answers.")
@click.option("--context", "context", metavar="NAME", help="The registry and user of this name.")
def collect(
    loaded: Loaded,
    *,
    namespace: str | None,
    now: bool,
    dry_run: bool,
    force: bool,
    yes: bool,
    as_json: bool,
    context: str | None,
) -> None:
    """Let go of what nothing keeps any more: all that is due, and objects whose grace is over.

    The registry does this by itself each minute; this does it at once and waits. With --data or --database it works on
    the registry's own database and store, whether servers run or not: give it the settings that they have.
    NAMESPACE with --window 0: history and deleted things there keep nothing any more. This cannot be undone.
    """
    if now == dry_run:
        raise click.UsageError("say --now, or --dry-run to see what would go")
    host = any(_given(name) for name in (*_HOST, "lease", "collect.grace", "uploads.expire")) or _named("config")
    _check_window(namespace, host=host)
    with refusals(as_json=as_json):
        if host:
            settings = _without_window() if namespace is not None else loaded
            ask = _beside(settings)
        else:
            ask = _through(Api(Client.from_context(context), as_json=as_json))
        if namespace is not None and not dry_run and not yes:
            _confirm(namespace, ask({"dry_run": True, "namespace": namespace, "force": False}))
        result = ask({"dry_run": dry_run, "namespace": namespace, "force": force})
    if as_json:
        click.echo(json.dumps(result, indent=2))
    else:
        (_show_preview if dry_run else _show_done)(result, namespace)


_Ask = Callable[[dict[str, Any]], dict[str, Any]]


def _parameter(name: str) -> str:
    return "setting_" + name.replace(".", "_")


def _named(parameter: str) -> bool:
    context = click.get_current_context()
    return context.get_parameter_source(parameter) is click.core.ParameterSource.COMMANDLINE


def _given(setting: str) -> bool:
    return _named(_parameter(setting))


def _check_window(namespace: str | None, *, host: bool) -> None:
    """Raise `UsageError` unless a namespace comes with --window 0, and on a registry afar nothing else does."""
    said = click.get_current_context().params.get(_parameter("window"))
    if namespace is not None and said not in ("0", "0s"):
        raise click.UsageError("a namespace comes with --window 0: its history is cut off")
    if namespace is None and said is not None and not host:
        raise click.UsageError("--window 0 comes with the namespace whose history is cut off")


def _without_window() -> Loaded:
    """The settings without the window of the command line, which is meant for the namespace alone."""
    given = click.get_current_context().params
    flags = {each.name: given.get(_parameter(each.name)) for each in options() if each.name in _FLAGS}
    try:
        return load({**flags, "window": None}, os.environ, given["config"])
    except ConfigError as error:
        click.echo(f"holdfast: {error}", err=True)
        sys.exit(2)


def _through(api: Api) -> _Ask:
    from holdfast.cli.progress import follow

    def ask(asked: dict[str, Any]) -> dict[str, Any]:
        job = api.client.post("/collections", asked)
        ended = follow(api, job, "looking" if asked["dry_run"] else "collecting")
        result: dict[str, Any] = ended["result"]
        return result

    return ask


def _beside(loaded: Loaded) -> _Ask:
    from holdfast.app.collecting import CouldNotRun, run_beside
    from holdfast.cli.progress import Lines

    def ask(asked: dict[str, Any]) -> dict[str, Any]:
        lines = Lines("looking" if asked["dry_run"] else "collecting")

        def tell(done: int, total: int | None) -> None:
            progress = {"done": done, "total": total, "rate": None, "seconds_left": None}
            lines.show({"state": "running", "progress": progress, "error": None})

        try:
            return run_beside(loaded.settings, asked, tell)
        except CouldNotRun as error:
            click.echo(f"holdfast: {plain(error)}", err=True)
            sys.exit(1)

    return ask


def _confirm(namespace: str, told: dict[str, Any]) -> None:
    """Ask, naming what will go. Ends the program when the answer is no, or nobody can be asked."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"history of {namespace} would be cut off: see --dry-run, then say --yes")
    _show_preview(told, namespace)
    click.confirm(f"Cut the history of {namespace} off? It cannot be undone", abort=True, err=True)


def _show_preview(told: dict[str, Any], namespace: str | None) -> None:
    rows = [
        (each["repository"], "manifest" if each["manifest"] else "blob", each["digest"], size_text(each["bytes"]))
        for each in told["examples"][:_SHOWN]
    ]
    if rows:
        show_table(("REPOSITORY", "WHAT", "DIGEST", "SIZE"), rows)
    total = told["manifests"] + told["blobs"]
    if total > len(rows):
        click.echo(f"... {total - len(rows):,} more")
    when = "would go now" if namespace is None else "would go: deleted ones now, others a lease later"
    click.echo(f"{told['manifests']:,} manifests and {told['blobs']:,} blobs ({size_text(told['bytes'])}) {when}")
    if told["repositories"]:
        click.echo(f"{told['repositories']:,} deleted repositories would be gone for good")
    if told["stored"]:
        click.echo(f"{told['stored']:,} contents ({size_text(told['stored_bytes'])}) are in no repository any more")
    if total:
        click.echo("what only these keep is looked at a lease after them")


def _show_done(done: dict[str, Any], namespace: str | None) -> None:
    click.echo(
        f"{done['links']:,} manifests and blobs left their repositories, {done['contents']:,} contents "
        f"({size_text(done['bytes'])}) are stored no more, {done['objects']:,} objects were deleted"
    )
    if done["litter"]:
        click.echo(f"{done['litter']:,} objects were litter")
    if namespace is not None:
        click.echo(f"the history of {namespace} is cut off; what may be relied on yet goes a lease from now")
