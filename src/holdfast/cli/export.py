"""`holdfast export`: images of the registry in an OCI image layout, for where no network goes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from holdfast.cli.exchange.copying import Closure, Copied, CopyError, closure, copy
from holdfast.cli.exchange.layout import LayoutError, open_writer
from holdfast.cli.exchange.opening import Counter, registry_of
from holdfast.cli.exchange.places import DELETED, SINCE, UNTIL, LayoutTarget, RegistryRepository
from holdfast.cli.exchange.wanted import Instants, Wanted, base_of, resolve
from holdfast.cli.exchange.wire import RegistryError, Remote
from holdfast.cli.output import Api, client_verb
from holdfast.cli.sizes import size_text
from holdfast.oci.errors import Invalid

_EXAMPLES = """\b
Examples:
  holdfast export shop/web:1.4 --to web.tar
  holdfast export 'shop/**' --to carried
  holdfast export shop/web --tag '1.*' --to web.tar
  holdfast export 'shop/**' --since 2027-01-24T02:00:00Z --to week4.tar
  holdfast export --list running.txt --to site.tar
"""
_FIGURES = ("manifests", "blobs", "bytes")


@click.command(epilog=_EXAMPLES)
@click.argument("targets", nargs=-1, metavar="TARGET...")
@click.option("--to", "place", type=click.Path(path_type=Path), required=True, help="A .tar file, or a directory.")
@click.option("--list", "listing", type=click.File(), help="A file with a TARGET on each line; - is standard input.")
@click.option("--tag", "pattern", metavar="GLOB", default="*", help="Only tags like this, where no tag is named.")
@click.option("--since", metavar="TIME", help="Only what came after this instant: 7d (ago), 2027-01-24T02:00:00Z.")
@click.option("--until", metavar="TIME", help="Tags as they stood at this instant, instead of now.")
@click.option("--no-referrers", is_flag=True, help="Without signatures, SBOMs and what else refers to the images.")
@client_verb
def export(
    api: Api,
    *,
    targets: tuple[str, ...],
    place: Path,
    listing: Iterable[str] | None,
    pattern: str,
    since: str | None,
    until: str | None,
    no_referrers: bool,
) -> None:
    """Write images as an OCI image layout, with everything that they need and what refers to them.

    TARGET: a repository, REPOSITORY:TAG, REPOSITORY@DIGEST, or 'NAMESPACE/**'. `holdfast import` reads it again; so do
    skopeo, oras, crane and podman. A directory is added to: what is in it is not fetched again. With --since the layout
    holds what was not there then, and which tags went; who imports it must have imported what was there.
    """
    lines = [line.strip() for line in listing or ()]
    named = [*targets, *(line for line in lines if line and not line.startswith("#"))]
    if not named:
        raise click.UsageError("name what to export: a repository, REPOSITORY:TAG, 'NAMESPACE/**', or --list FILE")
    instants = Instants.of(since, until)
    try:
        with registry_of(api) as remote, Counter("export") as counter:
            wanted = resolve(api.client, remote, named, pattern, instants)
            writing = _Writing(api, remote, place, counter, instants, referrers=not no_referrers)
            done = writing.write(wanted, pattern)
    except (CopyError, LayoutError, RegistryError, Invalid) as error:
        raise click.ClickException(str(error)) from error
    api.show(done, lambda found: _print(found, place))


def _print(done: Mapping[str, Any], place: Path) -> None:
    click.echo(
        f"{done['images']:,} images of {done['repositories']:,} repositories in {place}: "
        f"{done['manifests']:,} manifests, {done['blobs']:,} blobs ({size_text(done['bytes'])}) written"
    )
    if done["deleted"]:
        click.echo(f"tags that went since: {', '.join(done['deleted'])}")


class _Writing:
    """One export."""

    def __init__(
        self, api: Api, remote: Remote, place: Path, counter: Counter, instants: Instants, *, referrers: bool
    ) -> None:
        self._client = api.client
        self._remote = remote
        self._place = place
        self._counter = counter
        self._instants = instants
        self._referrers = referrers
        self._done: dict[str, Any] = {"images": 0, "repositories": 0, **dict.fromkeys(_FIGURES, 0), "deleted": []}

    def write(self, wanted: list[Wanted], pattern: str) -> dict[str, Any]:
        """Write the layout; what was written, in figures."""
        target = LayoutTarget(open_writer(self._place))
        for repository, images in groupby(wanted, lambda each: each.repository):
            source = RegistryRepository(self._remote, repository, self._counter.came)
            before: Mapping[str, str] = {}
            target.without = frozenset()
            if self._instants.since is not None:
                before, target.without = base_of(self._client, source, repository, self._instants.since)
            target.repository = repository
            self._done["repositories"] += 1
            held = list(images)
            for image in held:
                self._image(source, target, image, before)
            gone = sorted(before.keys() - {image.tag for image in held})
            if pattern == "*" and all(image.whole for image in held):
                self._done["deleted"] += [f"{repository}:{tag}" for tag in gone]
        notes = {SINCE: self._instants.since, UNTIL: self._instants.until}
        if self._done["deleted"]:
            notes[DELETED] = json.dumps(self._done["deleted"])
        target.finish({name: text for name, text in notes.items() if text})
        return self._done

    def _image(
        self, source: RegistryRepository, target: LayoutTarget, image: Wanted, before: Mapping[str, str]
    ) -> None:
        whole: Closure = closure(source, image.reference, referrers=self._referrers)
        copied: Copied = copy(source, target, whole)
        if before.get(image.tag) != whole.root.digest:
            target.offer(whole.root, image.tag)
            self._done["images"] += 1
        for name, count in zip(_FIGURES, copied, strict=True):
            self._done[name] += count
