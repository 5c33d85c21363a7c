"""The annotations and labels that stand in manifests, for rules that name some.

Only what rules ask for is kept. What cannot be read (damaged, or a configuration that is no document in the database)
is not known, and what is not known keeps.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from holdfast.blobs.errors import Corrupt
from holdfast.db.port import Reader
from holdfast.registry.objects import Objects
from holdfast.retention import store
from holdfast.retention.rules import Rule
from holdfast.retention.verdict import Texts

_AT_ONCE = 50
_REMEMBERED = 20_000


class Writings:
    """What stands in the manifests of an installation, as far as `rules` ask."""

    def __init__(self, objects: Objects, rules: Iterable[Rule]) -> None:
        self._objects = objects
        asked = [rule for rule in rules if rule.reads_manifests]
        self._annotations = frozenset(name for rule in asked for name in rule.annotations)
        self._labels = frozenset(name for rule in asked for name in rule.labels)
        self._known: dict[int, Texts | None] = {}

    @property
    def asked(self) -> bool:
        """Whether any rule asks."""
        return bool(self._annotations or self._labels)

    async def of(self, reader: Reader, ids: Iterable[int]) -> dict[int, Texts | None]:
        """The texts of manifests; None: they cannot be read."""
        if not self.asked:
            return {}
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        wanted = sorted(set(ids))
        new = [each for each in wanted if each not in self._known]
        for first in range(0, len(new), _AT_ONCE):
            part = new[first : first + _AT_ONCE]
            self._known.update(dict.fromkeys(part))
            await self._read(reader, part)
        return {each: self._known.get(each) for each in wanted}

    async def _read(self, reader: Reader, ids: Sequence[int]) -> None:
        configs: dict[str, list[int]] = {}
        for row in await reader.all(store.BODIES, ids=ids):
            document = _document(await self._open(row))
            if document is None:
                continue
            found = {"annotations": _chosen(document.get("annotations"), self._annotations)}
            config = document.get("config")
            if isinstance(config, dict) and isinstance(config.get("digest"), str):
                self._known[row.content_id] = found
                configs.setdefault(config["digest"], []).append(row.content_id)
            else:  # an index has no labels
                self._known[row.content_id] = {**found, "labels": {}}
        if self._labels and configs:
            for row in await reader.all(store.BODIES_BY_DIGEST, digests=sorted(configs)):
                labels = _labels_of(await self._open(row))
                if labels is None:
                    continue
                for content_id in configs[row.digest]:
                    known = self._known[content_id] or {}
                    self._known[content_id] = {**known, "labels": _chosen(labels, self._labels)}

    async def _open(self, row: store.BodyRow) -> bytes | None:
        try:
            return await self._objects.opened(row.wrapped_key, row.digest, row.bytes)
        except Corrupt:
            return None


def _chosen(found: Any, names: frozenset[str]) -> dict[str, str]:
    return {name: str(found[name]) for name in names if name in found} if isinstance(found, dict) else {}


def _labels_of(data: bytes | None) -> dict[str, Any] | None:
    """`config.Labels` of a configuration (image specification, "Image Configuration"); None: it cannot be read."""
    document = _document(data)
    if document is None:
        return None
    config = document.get("config")
    labels = config.get("Labels") if isinstance(config, dict) else None
    return labels if isinstance(labels, dict) else {}


def _document(data: bytes | None) -> dict[str, Any] | None:
    """A JSON object, None for anything else."""
    if data is None:
        return None
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
