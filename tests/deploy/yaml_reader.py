"""YAML read by helm, which has a reader of its own: no library is needed for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.clients.programs import INSTALLED, Client, find, make_home


def read_yaml(text: str, place: Path) -> dict[str, Any]:
    """Give one YAML document, anchors and merges resolved; skip the test when there is no helm."""
    helm = Client(find("helm", *INSTALLED), make_home(place / "home", "localhost", None))
    chart = place / "reader"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: reader\nversion: 1.0.0\n")
    (chart / "document").write_text(text, encoding="utf-8")
    (chart / "templates" / "all.yaml").write_text('{{ .Files.Get "document" | fromYaml | toJson }}\n')
    (line,) = [line for line in helm("template", "r", chart).lines if line.startswith("{")]
    document: dict[str, Any] = json.loads(line)
    assert "Error" not in document, document["Error"]
    return document
