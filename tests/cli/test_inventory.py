"""What `holdfast inventory push` reads: lists of pods, and lists of references."""

from __future__ import annotations

import json

import click
import pytest

from holdfast.cli.inventory import images_of

POD = {
    "kind": "Pod",
    "spec": {"containers": [{"image": "r.example/a:1"}], "initContainers": [{"image": "r.example/init:2"}]},
    "status": {
        "containerStatuses": [{"image": "r.example/a:1", "imageID": "r.example/a@sha256:1"}],
        "initContainerStatuses": None,
        "ephemeralContainerStatuses": [{"image": "debug", "imageID": ""}],
    },
}


def test_every_container_of_every_pod_is_told_by_name_and_by_digest() -> None:
    wanted = {"r.example/a:1", "r.example/init:2", "r.example/a@sha256:1", "debug"}
    assert set(images_of(json.dumps({"kind": "List", "items": [POD, {"kind": "Pod"}]}))) == wanted
    assert set(images_of(json.dumps(POD))) == wanted
    assert set(images_of('{"kind": "List", "items": []}')) == set()


def test_lines_are_references() -> None:
    assert list(images_of("# what runs\n\n r.example/a:1 \nsha256:1\n")) == ["r.example/a:1", "sha256:1"]


@pytest.mark.parametrize("text", ["{", '{"kind": "List", "items": [3]}', '{"kind": "Node"}'])
def test_what_is_no_list_of_pods_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError):
        list(images_of(text))
