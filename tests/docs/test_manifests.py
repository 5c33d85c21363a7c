"""Manifests in the documents are YAML, and those of Kubernetes say what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.deploy.yaml_reader import read_yaml
from tests.docs import pages

_PAGES = [page for page in pages.pages() if any(block.language == "yaml" for block in pages.blocks(page))]


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(pages.ROOT))) for page in _PAGES])
def test_manifests_can_be_read(page: Path, tmp_path: Path) -> None:
    """All of a page at once: each document under a key of its own."""
    documents = [
        document
        for block in pages.blocks(page)
        if block.language == "yaml"
        for document in block.text.split("---\n")
        if document.strip()
    ]
    together = "".join(f"document{number}:\n{_indented(text)}" for number, text in enumerate(documents))
    found = read_yaml(together, tmp_path)
    assert len(found) == len(documents)
    for document in found.values():
        _check(document)


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" if line else "\n" for line in text.splitlines())


def _check(document: Any) -> None:
    assert document
    if isinstance(document, dict) and "kind" in document:
        assert document["apiVersion"]
        assert {"name", "generateName"} & set(document["metadata"])
