"""What differs between two configurations and annotations, field by field."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from holdfast.oci.image_config import ImageConfig
from holdfast.registry.details.model import Difference

_MOST = 1_000
_NOTHING = ImageConfig()


def differences_of(
    a: ImageConfig | None, b: ImageConfig | None, ours: Mapping[str, str], theirs: Mapping[str, str]
) -> tuple[Difference, ...]:
    """The fields that are not the same, those of the configuration first; at most `_MOST`."""
    one, other = _fields(a or _NOTHING), _fields(b or _NOTHING)
    one |= {f"annotation {name}": text for name, text in ours.items()}
    other |= {f"annotation {name}": text for name, text in theirs.items()}
    names = dict.fromkeys((*one, *other))
    found = [Difference(name, one.get(name), other.get(name)) for name in names if one.get(name) != other.get(name)]
    return tuple(found[:_MOST])


def _fields(config: ImageConfig) -> dict[str, str]:
    found = {
        "platform": str(config.platform),
        "os version": config.platform.os_version,
        "created": config.created,
        "author": config.author,
        "user": config.user,
        "working directory": config.working_dir,
        "stop signal": config.stop_signal,
        "entrypoint": _list(config.entrypoint),
        "command": _list(config.command),
    }
    for line in config.env:
        name, _, value = line.partition("=")
        found[f"env {name}"] = value
    found |= {f"port {name}": name for name in config.ports}
    found |= {f"volume {name}": name for name in config.volumes}
    found |= {f"label {name}": text for name, text in config.labels.items()}
    return {name: text for name, text in found.items() if text or name.startswith(("env ", "label "))}


def _list(texts: Sequence[str]) -> str:
    return json.dumps(list(texts), ensure_ascii=False) if texts else ""
