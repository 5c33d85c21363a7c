"""`holdfast inventory`: telling the registry what runs, so that it is kept."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from holdfast.cli.client import segment
from holdfast.cli.output import Api, client_verb, plain, when

_INVENTORY = """\b
Examples:
  kubectl get pods -A -o json | holdfast inventory push --source production -
  holdfast inventory list
"""
_PUSH = """\b
Examples:
  kubectl get pods -A -o json | holdfast inventory push --source production -
  holdfast inventory push --source edge --path shop images.txt
"""
_LIST = """\b
Examples:
  holdfast inventory list
"""
_REMOVE = """\b
Examples:
  holdfast inventory remove production
"""
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_STATUSES = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")


@click.group(epilog=_INVENTORY)
def inventory() -> None:
    """Tell the registry what runs: rules of retention that ask `in_use` keep it."""


@inventory.command(epilog=_PUSH)
@click.argument("file")
@click.option("--source", required=True, metavar="NAME", help="Who tells it, as the name of a cluster.")
@click.option("--path", default="", metavar="PATH", help="The namespace that it speaks for; without it everything.")
@client_verb
def push(api: Api, file: str, *, source: str, path: str) -> None:
    """Say that exactly the images in FILE run in a cluster ('-': standard input).

    FILE is what `kubectl get pods -o json` prints, or references, one a line. It replaces what the source said before.
    Say it again before it grows stale (24 hours, if rules say nothing else).
    """
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise click.UsageError(f"{file} cannot be read: {error}") from error
    images = sorted(set(images_of(text)))
    found = api.client.put(f"/inventories/{segment(source)}", {"images": images}, path=path)
    for each in found["ignored"]:
        click.echo(f"ignored, for it is no image: {plain(each)}", err=True)
    api.show(found, f"{found['images']:,} images run in {source}")


@inventory.command("list", epilog=_LIST)
@client_verb
def list_(api: Api) -> None:
    """List who told what runs, and when."""
    api.show_list(
        api.client.pages("/inventories"),
        ("SOURCE", "PATH", "IMAGES", "TOLD", "BY"),
        lambda each: (
            each["source"],
            each["path"] or "(everything)",
            each["images"],
            when(each["at"], "not all of it yet"),
            each["told_by"],
        ),
        "nobody told what runs",
    )


@inventory.command(epilog=_REMOVE)
@click.argument("source")
@click.option("--path", default="", metavar="PATH", help="The namespace that it speaks for; without it everything.")
@client_verb
def remove(api: Api, source: str, *, path: str) -> None:
    """Forget what SOURCE told. Rules that name it keep everything that they speak of."""
    api.client.delete(f"/inventories/{segment(source)}", path=path)
    api.show({"source": source, "path": path}, f"{source} is not believed any more")


def images_of(text: str) -> Iterator[str]:
    """The references in a list of pods, or in lines. Raises `click.UsageError`."""
    if not text.lstrip().startswith("{"):
        for line in text.splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                yield line.strip()
        return
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"this is neither a list of pods nor of images: {error}") from error
    pods = found.get("items") if isinstance(found.get("items"), list) else [found]
    if not all(isinstance(pod, dict) and pod.get("kind", "Pod") == "Pod" for pod in pods):
        raise click.UsageError("this is no list of pods: say `kubectl get pods -A -o json`")
    for pod in pods:
        yield from _images_of_pod(pod)


def _images_of_pod(pod: dict[str, Any]) -> Iterator[str]:
    """What a pod was asked to run, and the digests that it does."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    for place, fields, names in ((spec, _CONTAINERS, ("image",)), (status, _STATUSES, ("image", "imageID"))):
        for field in fields:
            for container in place.get(field) or []:
                yield from (str(container[name]) for name in names if container.get(name))
