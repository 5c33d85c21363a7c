"""`holdfast inspect` and `holdfast compare`: what is inside an image, and how two differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from holdfast.cli.images import image_name, path_of, split_image
from holdfast.cli.output import Api, client_verb, plain, when
from holdfast.cli.sizes import size_text

_INSPECT = """\b
Examples:
  holdfast inspect team/app:1.4
  holdfast inspect team/app:1.4 --platform linux/arm64
  holdfast inspect team/app@sha256:4f79c1e0... --json
"""
_COMPARE = """\b
Examples:
  holdfast compare team/app:1.3 team/app:1.4
  holdfast compare staging/app:1.4 prod/app:1.4 --platform linux/arm64
"""
_SIDES = {"both": "  ", "a": "- ", "b": "+ "}


@click.command(epilog=_INSPECT)
@click.argument("image")
@click.option("--platform", metavar="OS/ARCH[/VARIANT]", help="Of an index; without it the usual one.")
@client_verb
def inspect(api: Api, image: str, platform: str | None) -> None:
    """Show what is inside IMAGE (NAME[:TAG] or NAME@DIGEST): platforms, configuration, layers, what refers to it."""
    name, reference = split_image(api.client, image)
    found = api.client.get(path_of(name, reference), platform=platform)
    api.show(found, lambda value: click.echo("\n".join(_artifact(value))))


@click.command(epilog=_COMPARE)
@click.argument("a")
@click.argument("b")
@click.option("--platform", metavar="OS/ARCH[/VARIANT]", help="Of indexes; without it one that both have.")
@client_verb
def compare(api: Api, a: str, b: str, platform: str | None) -> None:
    """Show how the image B differs from A: size, layers, configuration, annotations."""
    found = api.client.get("/compare", a=image_name(api.client, a), b=image_name(api.client, b), platform=platform)
    api.show(found, lambda value: click.echo("\n".join(_comparison(value))))


def _artifact(found: dict[str, Any]) -> Iterator[str]:
    yield f"{plain(found['repository'])}@{plain(found['digest'])}"
    total = "too much to count" if found["total"] is None else size_text(found["total"])
    shared = "" if found["shared"] is None else f", {size_text(found['shared'])} shared with others of the repository"
    yield f"  {found['kind']}, {plain(found['artifact_type'] or found['media_type'])}"
    yield f"  {total}{shared}; pushed {when(found['pushed_at'])}"
    tags = ", ".join(map(plain, found["tags"])) or "none"
    yield f"  tags: {tags}{' and more' if found['more_tags'] else ''}"
    if found["subject"]:
        yield f"  refers to {plain(found['subject'])}"
    yield from _texts("annotations", found["annotations"])
    if found["parts"]:
        yield "platforms"
        for part in found["parts"]:
            platform = f"attestation for {plain(part['attests'])}" if part["attests"] else plain(part["platform"])
            size = "not here" if part["size"] is None else size_text(part["size"])
            yield f"  {platform or 'no platform'}  {size}  {plain(part['digest'])}"
    if found["image"]:
        yield from _image(found["image"], with_config=found["kind"] != "artifact")
    yield from _referrers(found)


def _image(image: dict[str, Any], *, with_config: bool) -> Iterator[str]:
    config = image["config"]
    if config is None and with_config:
        yield "its configuration cannot be read"
    elif config is not None:
        yield f"configuration of {plain(image['platform']) or 'no platform'}"
        for name in ("created", "author", "user", "working_dir", "stop_signal", "entrypoint", "command"):
            if config[name]:
                yield f"  {name.replace('_', ' ')}: {_list(config[name])}"
        for name in ("env", "ports", "volumes"):
            for text in config[name]:
                yield f"  {name}: {plain(text)}"
        yield from _texts("label", config["labels"])
    if image["layers"]:
        yield "layers"
    for layer in image["layers"]:
        yield from (f"            {plain(line)}" for line in layer["empty"])
        mark = " (shared)" if layer["shared"] else ""
        yield f"  {size_text(layer['size']):>9} {plain(layer['command']) or plain(layer['media_type'])}{mark}"
    yield from (f"            {plain(line)}" for line in image["after"])


def _referrers(found: dict[str, Any]) -> Iterator[str]:
    rows = found["referrers"]
    if not rows:
        return
    yield "referrers (present; nothing of them was checked)"
    known = {row["digest"] for row in rows}
    below: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        below.setdefault(row["subject"], []).append(row)
    tops = [subject for subject in below if subject not in known]
    for subject in tops:
        where = "" if subject == found["digest"] else f" of {plain(subject)}"
        yield from _branch(below, subject, where, 1, set())
    if found["more_referrers"]:
        yield "  and more"


def _branch(
    below: dict[str, list[dict[str, Any]]], subject: str, where: str, depth: int, seen: set[str]
) -> Iterator[str]:
    for row in below.get(subject, []):
        what = plain(row["tag"] or row["artifact_type"] or row["media_type"])
        yield f"{'  ' * depth}{row['kind']}{where}: {what}  {size_text(row['size'])}  {plain(row['digest'])}"
        if row["digest"] not in seen:
            seen.add(row["digest"])
            yield from _branch(below, row["digest"], "", depth + 1, seen)


def _comparison(found: dict[str, Any]) -> Iterator[str]:
    for side in ("a", "b"):
        one = found[side]
        name = f"{plain(one['repository'])}@{plain(one['digest'])}"
        yield f"{_SIDES[side]}{name}  {plain(one['platform'])}  {size_text(one['size'])} of layers"
    delta = found["size_delta"]
    yield f"{'+' if delta >= 0 else '-'}{size_text(abs(delta))} of layers"
    yield "layers"
    common = sum(each["side"] == "both" for each in found["layers"])
    for each in found["layers"]:
        if each["side"] != "both":
            layer = each["layer"]
            line = plain(layer["command"]) or plain(layer["media_type"])
            yield f"  {_SIDES[each['side']]}{size_text(layer['size']):>9} {line}  {plain(layer['digest'])}"
    yield f"  {common} in common"
    if not found["differences"]:
        yield "configuration and annotations are the same"
        return
    yield "configuration and annotations"
    for each in found["differences"]:
        for side in ("a", "b"):
            if each[side] is not None:
                yield f"  {_SIDES[side]}{plain(each['field'])}: {plain(each[side])}"


def _texts(title: str, texts: dict[str, str]) -> Iterator[str]:
    for name, text in texts.items():
        yield f"  {title.removesuffix('s')} {plain(name)}: {plain(text)}"


def _list(value: Any) -> str:
    return " ".join(map(plain, value)) if isinstance(value, list) else plain(value)
