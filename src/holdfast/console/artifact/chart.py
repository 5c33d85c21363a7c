"""What a Helm chart says of itself, and its values: read by a process of their own, within bounds (rule 25)."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from holdfast.access.model import PathPermit
from holdfast.console.artifact import unpacking
from holdfast.oci.document import decode
from holdfast.oci.errors import ManifestInvalid
from holdfast.registry.details.looking import Looked, Looking
from holdfast.registry.details.service import Named

CHART = "application/vnd.cncf.helm.config.v1+json"
_CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_FIELDS = ("name", "version", "appVersion", "type", "description", "home", "kubeVersion")
_LONGEST = 500
_PATIENCE = 4.0
_AT_ONCE = 2
_SAID = {
    unpacking.NONE: "The chart has no values.yaml.",
    unpacking.BEYOND: "The chart unpacks to more than is looked into.",
}
_LARGE = "The chart is larger than is looked into."
_BROKEN = "The chart could not be read."


class Chart(NamedTuple):
    """A chart: what its configuration says, its values as they are written, and why there are none ('' if there
    are)."""

    facts: list[tuple[str, str]]
    values: str
    why: str


class Charts:
    """Reads charts, few at a time."""

    def __init__(self, looking: Looking) -> None:
        self._looking = looking
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def read(self, permit: PathPermit, named: Named, looked: Looked) -> Chart:
        """What is told of a chart that was looked at."""
        facts = _facts(looked.config)
        layer = next((each for each in looked.files if each.media_type == _CONTENT), None)
        if layer is None:
            return Chart(facts, "", "There is no chart in it.")
        if layer.size > unpacking.MOST_PACKED:
            return Chart(facts, "", _LARGE)
        packed = await self._looking.blob(permit, named, layer.digest, unpacking.MOST_PACKED)
        if packed is None:
            return Chart(facts, "", _LARGE)
        async with self._turn:
            ended, values = await _unpacked(packed)
        if ended != unpacking.FOUND:
            return Chart(facts, "", _SAID.get(ended, _BROKEN))
        return Chart(facts, values.decode("utf-8", "replace"), "")


def _facts(config: bytes | None) -> list[tuple[str, str]]:
    document = {}
    with suppress(ManifestInvalid):
        document = decode(config) if config is not None else {}
    return [(name, value[:_LONGEST]) for name in _FIELDS if isinstance(value := document.get(name), str) and value]


async def _unpacked(packed: bytes) -> tuple[int, bytes]:
    """How the process ended that looked into an archive, and what it wrote."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(Path(unpacking.__file__)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            values, _ = await process.communicate(packed)
    except TimeoutError:
        process.kill()
        await process.wait()
        return -1, b""
    return process.returncode or 0, values[: unpacking.MOST_VALUES]
