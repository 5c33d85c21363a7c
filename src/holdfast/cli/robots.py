"""`holdfast robot`: the machines of namespaces, on the registry that one is logged in to."""

from __future__ import annotations

import click

from holdfast.cli.client import segment
from holdfast.cli.moments import EXPIRES, moment
from holdfast.cli.output import Api, client_verb, plain, when

_ROBOT = """\b
Examples:
  holdfast robot create ci --namespace shop
  holdfast key create laptop --for robot:shop+ci
  holdfast robot list --namespace shop
"""
_LIST = """\b
Examples:
  holdfast robot list
  holdfast robot list --namespace shop --json
"""
_SHOW = """\b
Examples:
  holdfast robot show shop+ci
"""
_CREATE = """\b
Examples:
  holdfast robot create ci --namespace shop
  holdfast robot create trial --namespace shop/web --expires 30d
\b
A new robot may do nothing and has no key:
  holdfast grant add robot:shop+ci writer 'shop/**'
  holdfast key create pipeline --for robot:shop+ci
"""
_CHANGE = """\b
Examples:
  holdfast robot change shop+ci --description "the main pipeline"
  holdfast robot change shop+ci --expires never
"""
_DISABLE = """\b
Examples:
  holdfast robot disable shop+ci
"""
_ENABLE = """\b
Examples:
  holdfast robot enable shop+ci
"""
_DELETE = """\b
Examples:
  holdfast robot delete shop+ci
"""


@click.group(epilog=_ROBOT)
def robot() -> None:
    """See and keep the robots of namespaces; a robot is called NAMESPACE+NAME."""


@robot.command("list", epilog=_LIST)
@click.option("--namespace", metavar="N", help="Only the robots of this namespace.")
@client_verb
def list_(api: Api, *, namespace: str | None) -> None:
    """List robots: those of the namespaces whose access you manage."""
    api.show_list(
        api.client.pages("/robots", namespace=namespace),
        ("ROBOT", "FOR", "STATE", "UNTIL", "MADE", "BY"),
        lambda each: (
            each["name"],
            each["description"],
            "disabled" if each["disabled"] else "",
            when(each["expires_at"]),
            when(each["made_at"]),
            each["made_by"],
        ),
        "no robots in your sight",
    )


@robot.command(epilog=_SHOW)
@click.argument("name")
@client_verb
def show(api: Api, name: str) -> None:
    """Show everything about the robot NAME (NAMESPACE+NAME)."""
    api.show(api.client.get(_path(name)))


@robot.command(epilog=_CREATE)
@click.argument("name")
@click.option("--namespace", required=True, metavar="N", help="Whose robot it is; it need not exist.")
@click.option("--description", metavar="TEXT", help="What for.")
@click.option("--expires", metavar="WHEN", help=EXPIRES)
@client_verb
def create(api: Api, name: str, *, namespace: str, description: str | None, expires: str | None) -> None:
    """Make the robot NAMESPACE+NAME, who may do nothing yet. For who manages access on the namespace."""
    body = {"namespace": namespace, "name": name, "description": description, "expires_at": moment(expires)}
    made = api.client.post("/robots", body)
    subject = plain(made["subject"])
    api.show(made, f"made {subject}; its key: `holdfast key create NAME --for {subject}`")


@robot.command(epilog=_CHANGE)
@click.argument("name")
@click.option("--description", metavar="TEXT", help="What for; '' takes it away.")
@click.option("--expires", metavar="WHEN", help=EXPIRES)
@client_verb
def change(api: Api, name: str, *, description: str | None, expires: str | None) -> None:
    """Change what the robot NAME is for, or when it ends."""
    body: dict[str, object] = {}
    if description is not None:
        body["description"] = description or None
    if expires is not None:
        body["expires_at"] = moment(expires)
    if not body:
        raise click.UsageError("there is nothing to change: give --description or --expires")
    changed = api.client.patch(_path(name), body)
    api.show(changed, f"changed {plain(changed['subject'])}")


@robot.command(epilog=_DISABLE)
@click.argument("name")
@client_verb
def disable(api: Api, name: str) -> None:
    """Refuse the robot NAME from the next request on, by whatever credential."""
    changed = api.client.post(f"{_path(name)}/disable")
    api.show(changed, f"{plain(changed['subject'])} is disabled: refused from now on, on every node")


@robot.command(epilog=_ENABLE)
@click.argument("name")
@client_verb
def enable(api: Api, name: str) -> None:
    """Let the robot NAME in again, with the rights and keys of before."""
    changed = api.client.post(f"{_path(name)}/enable")
    api.show(changed, f"{plain(changed['subject'])} is enabled")


@robot.command(epilog=_DELETE)
@click.argument("name")
@client_verb
def delete(api: Api, name: str) -> None:
    """Delete the robot NAME with its keys and grants; the name stays reserved."""
    api.client.delete(_path(name))
    api.show({"deleted": f"robot:{name}"}, f"deleted robot:{plain(name)}; the name stays reserved")


def _path(name: str) -> str:
    return f"/robots/{segment(name.removeprefix('robot:'))}"
