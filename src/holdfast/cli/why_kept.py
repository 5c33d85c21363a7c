"""`holdfast why-kept`: what keeps a digest, and when it may go."""

from __future__ import annotations

from typing import Any

import click

from holdfast.cli.output import Api, client_verb, plain, when

_EXAMPLES = """\b
Examples:
  holdfast why-kept sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  holdfast why-kept sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 shop/web
  holdfast why-kept --json DIGEST
"""
_WORDS = {
    "tag": "tag {tag}",
    "history": "tag {tag} was on it until {at}: history keeps it until {until}",
    "deleted": "deleted at {at}: it can be restored until {until}",
    "pushed": "pushed at {at} by digest: it is kept until {until}",
    "lease": "somebody was told that it is here: it is kept until {until}",
    "pending": "the collector looks at it at {until}",
    "repository-deleted": "the repository was deleted at {at}: it can be restored until {until}",
}


@click.command("why-kept", epilog=_EXAMPLES)
@click.argument("digest")
@click.argument("repository", required=False)
@client_verb
def why_kept(api: Api, digest: str, repository: str | None) -> None:
    """Explain what keeps the content DIGEST in each repository in your sight, and when it may go.

    It goes when no tag, no history, nothing that was deleted a short while ago and nothing that lies above it keeps it.
    """
    api.show(api.client.get("/why-kept", digest=digest, repository=repository), _print)


def _print(kept: dict[str, Any]) -> None:
    click.echo(f"{plain(kept['digest'])}: {kept['bytes']:,} bytes, {kept['state']}")
    for place in kept["repositories"]:
        gone = " (deleted)" if place["deleted"] else ""
        click.echo(f"{plain(place['repository'])}: {place['kind']}{gone}")
        for each in place["reasons"]:
            click.echo(f"  {_said(each)}")
        if place["more"]:
            click.echo("  and more")
        if not place["reasons"] and place["pending_at"] is None:
            click.echo("  what lies above it, and nothing else")
        click.echo(f"  may go: {_when(place)}")
    if kept["more"]:
        click.echo("and more repositories: name one")
    if kept["orphaned_at"]:
        click.echo("no repository has it: the collector takes it away with its next run")


def _said(reason: dict[str, Any]) -> str:
    tag = plain(reason["tag"]) if reason["tag"] is not None else "(one that you may not see)"
    said = _WORDS[reason["reason"]].format(tag=tag, at=when(reason["at"]), until=when(reason["until"]))
    if reason["via"]:
        said = f"by {' by '.join(plain(each) for each in reason['via'])}: {said}"
    return said


def _when(place: dict[str, Any]) -> str:
    return f"from {when(place['may_go_at'])} on" if place["may_go_at"] else "not while this keeps it"
