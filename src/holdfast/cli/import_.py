"""`holdfast import`: images out of a layout, or out of any registry, into the registry that one is logged in to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import click

from holdfast.cli.exchange.copying import Closure, Copied, CopyError, Source, closure, copy
from holdfast.cli.exchange.layout import LayoutError, open_reader
from holdfast.cli.exchange.opening import Counter, registry_at, registry_of
from holdfast.cli.exchange.places import DELETED, NAME, REPOSITORY, TAG, LayoutSource, RegistryRepository, entries
from holdfast.cli.exchange.reference import Reference, parse_reference
from holdfast.cli.exchange.wire import RegistryError, Remote
from holdfast.cli.output import Api, client_verb
from holdfast.cli.sizes import size_text
from holdfast.oci.errors import Invalid

_EXAMPLES = """\b
Examples:
  holdfast import web.tar
  holdfast import carried shop/site
  holdfast import docker.io/library/alpine:3.20 mirror/alpine
  holdfast import ghcr.io/org/app mirror/app --tag '1.*'
  holdfast import registry.old.example/shop/web shop/web --dry-run
"""


_FIGURES = ("manifests", "blobs", "bytes")
_MOUNTS = 8
"""Repositories that were written last, from which blobs are mounted."""


class Image(NamedTuple):
    """One image that is to be brought: where its manifest is found, where it goes, and under which tag ('': none)."""

    reference: str
    repository: str
    tag: str


@click.command("import", epilog=_EXAMPLES)
@click.argument("source")
@click.argument("target", required=False, metavar="[REPOSITORY[:TAG]]")
@click.option("--tag", "pattern", metavar="GLOB", default="*", help="Only tags like this, where no tag is named.")
@click.option("--no-referrers", is_flag=True, help="Without signatures, SBOMs and what else refers to the images.")
@click.option("--dry-run", is_flag=True, help="Only say what would be brought.")
@click.option("--delete", is_flag=True, help="Delete the tags that the layout says went, where they are here.")
@click.option("--yes", is_flag=True, help="Do not ask before tags are deleted.")
@click.option("--from-plain-http", is_flag=True, help="Speak plain HTTP to the registry that images come from.")
@click.option("--from-ca-file", metavar="FILE", type=click.Path(exists=True, dir_okay=False), help="Trust these, too.")
@client_verb
def import_(
    api: Api,
    *,
    source: str,
    target: str | None,
    pattern: str,
    no_referrers: bool,
    dry_run: bool,
    delete: bool,
    yes: bool,
    from_plain_http: bool,
    from_ca_file: str | None,
) -> None:
    """Bring images from SOURCE: an image layout (a directory or a .tar file), or HOST/REPOSITORY[:TAG|@DIGEST].

    What refers to them comes too. Without REPOSITORY images of a layout go where they were exported from. Credentials
    for another registry are those of `docker login`. What is here already is not sent again.
    """
    try:
        goal = parse_reference(target, local=True) if target is not None else None
        if goal is not None and (goal.host or goal.digest):
            raise click.UsageError(
                "images go to REPOSITORY or REPOSITORY:TAG of the registry that you are logged in to"
            )
        with registry_of(api) as ours, Counter("import") as counter:
            bringing = _Bringing(ours, counter, referrers=not no_referrers, dry_run=dry_run)
            if Path(source).exists():
                _from_layout(bringing, Path(source), goal, pattern)
                if delete:
                    _delete(bringing, Path(source), goal, yes=yes)
            else:
                reference = parse_reference(source)
                with registry_at(reference, plain_http=from_plain_http, ca=from_ca_file or "") as theirs:
                    _from_registry(bringing, theirs, reference, goal, pattern)
            done = bringing.done
    except (CopyError, LayoutError, RegistryError, Invalid) as error:
        raise click.ClickException(str(error)) from error
    verb = "would come" if dry_run else "are here"
    api.show(
        done,
        f"{len(done['images']):,} images {verb}: {done['manifests']:,} manifests and {done['blobs']:,} blobs "
        f"({size_text(done['bytes'])}) {'to send' if dry_run else 'sent'}\n"
        + "\n".join([*(f"  {image}" for image in done["images"]), *(f"  deleted {tag}" for tag in done["deleted"])]),
    )


class _Bringing:
    """Copies images to our registry, and counts. On a dry run it only looks."""

    def __init__(self, remote: Remote, counter: Counter, *, referrers: bool, dry_run: bool) -> None:
        self._remote = remote
        self._referrers = referrers
        self._dry_run = dry_run
        self._repositories: list[str] = []
        self._brought: set[tuple[str, str]] = set()
        self._sent: set[str] = set()
        self.came = counter.came
        self.done: dict[str, Any] = {
            "images": [],
            "deleted": [],
            "manifests": 0,
            "blobs": 0,
            "bytes": 0,
            "dry_run": dry_run,
        }

    def bring(self, source: Source, image: Image) -> None:
        """One image, whole; what came with another one already is not brought by itself."""
        if not image.tag and (image.repository, image.reference) in self._brought:
            return
        whole = closure(source, image.reference, referrers=self._referrers)
        target = RegistryRepository(self._remote, image.repository, mounts=self._repositories[-_MOUNTS:])
        tags = [image.tag] if image.tag else []
        copied = self._missing(target, image, whole) if self._dry_run else copy(source, target, whole, tags)
        self._brought.update((image.repository, str(node.digest)) for node in whole.nodes)
        if image.repository not in self._repositories:
            self._repositories.append(image.repository)
        self.done["images"].append(f"{image.repository}{f':{image.tag}' if image.tag else f'@{whole.root.digest}'}")
        for name, count in zip(_FIGURES, copied, strict=True):
            self.done[name] += count

    def delete(self, gone: Reference) -> None:
        """Delete one tag, if it is here."""
        if gone.tag is None:
            return
        if self._dry_run or self._remote.delete_tag(gone.repository, gone.tag):
            self.done["deleted"].append(str(gone))

    def _missing(self, target: RegistryRepository, image: Image, whole: Closure) -> Copied:
        """What a copy would send; blobs that another image brings, or has there, count once."""
        manifests = [node for node in whole.nodes if (image.repository, str(node.digest)) not in self._brought]
        manifests = [node for node in manifests if not target.has(node)]
        parts = {
            part.digest: part.size for node in manifests if not node.manifest.children for part in node.manifest.blobs
        }
        missing = {
            digest: size for digest, size in parts.items() if digest not in self._sent and not target.holds(digest)
        }
        self._sent.update(missing)
        return Copied(len(manifests), len(missing), sum(missing.values()))


def _from_layout(bringing: _Bringing, place: Path, goal: Reference | None, pattern: str) -> None:
    reader = open_reader(place)
    found = list(_offered(reader, goal))
    wanted = [image for image in found if not image.tag or fnmatchcase(image.tag, pattern)]
    if goal is not None and goal.tag is not None:
        if len({image.reference for image in wanted if image.tag}) > 1:
            raise CopyError(f"{place} offers several images: name a repository without a tag, or choose one by --tag")
        wanted = [image._replace(tag=goal.tag) for image in wanted if image.tag or len(wanted) == 1]
    if not wanted and DELETED not in (reader.index.get("annotations") or {}):
        raise CopyError(f"{place} offers no image" + (f" with a tag like {pattern}" if pattern != "*" else ""))
    source = LayoutSource(reader, bringing.came)
    # What refers to an image comes with it; on its own only where it is not brought by another.
    for image in sorted(wanted, key=lambda each: not each.tag):
        bringing.bring(source, image)


def _delete(bringing: _Bringing, place: Path, goal: Reference | None, *, yes: bool) -> None:
    """Delete the tags that went between the instants of an export, as it says."""
    notes = open_reader(place).index.get("annotations")
    try:
        listed = json.loads(notes.get(DELETED, "[]")) if isinstance(notes, dict) else []
        gone = [parse_reference(str(each), local=True) for each in listed]
    except (ValueError, TypeError) as error:
        raise CopyError(f"{place} does not say which tags went") from error
    if goal is not None:
        gone = [each._replace(repository=goal.repository) for each in gone]
    if not gone:
        return
    if not yes and not bringing.done["dry_run"]:
        click.echo("These tags will be deleted: " + ", ".join(map(str, gone)), err=True)
        click.confirm("Delete them?", abort=True, err=True)
    for each in gone:
        bringing.delete(each)


def _offered(reader: Any, goal: Reference | None) -> Iterator[Image]:
    """What a layout offers, and where it goes."""
    for entry in entries(reader):
        notes = entry.get("annotations")
        notes = notes if isinstance(notes, dict) else {}
        name, repository, tag = (str(notes.get(key) or "") for key in (NAME, REPOSITORY, TAG))
        if not repository and name and (":" in name or "/" in name):
            told = parse_reference(name, local=True)
            repository, tag = str(told.repository), str(told.tag or "")
        elif not tag:
            tag = name if name and ":" not in name and "/" not in name else tag
        if goal is not None:
            repository = goal.repository
        if not repository:
            raise CopyError("the layout does not say which repository its images are of: name one")
        checked = parse_reference(f"{repository}:{tag}" if tag else repository, local=True)
        yield Image(str(entry["digest"]), checked.repository, str(checked.tag or ""))


def _from_registry(
    bringing: _Bringing, theirs: Remote, reference: Reference, goal: Reference | None, pattern: str
) -> None:
    repository = goal.repository if goal is not None else reference.repository
    source = RegistryRepository(theirs, reference.repository, bringing.came)
    tags = theirs.tags(reference.repository) if not reference.named else ()
    named = [tag for tag in tags if fnmatchcase(tag, pattern)] or [reference.named] * bool(reference.named)
    if not named:
        raise CopyError(f"{reference} has no tag" + (f" like {pattern}" if pattern != "*" else ""))
    if goal is not None and goal.tag is not None and len(named) > 1:
        raise CopyError(f"{reference} is several images: name one, or a repository without a tag to bring them to")
    for each in named:
        tag = str(goal.tag) if goal is not None and goal.tag is not None else "" if ":" in each else each
        bringing.bring(source, Image(each, repository, tag or str(reference.tag or "")))
