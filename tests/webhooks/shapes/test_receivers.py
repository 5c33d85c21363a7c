"""Receivers that were written for other registries understand what we send: their fields and types, and real ones."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from tests.webhooks.shapes.events import ALL, DIGEST, OTHER, about, event, pushed, quota, read, retained
from tests.webhooks.shapes.receivers import READERS, understand

from holdfast.journal.model import ChangeKind
from holdfast.webhooks.shapes.catalogue import SHAPES, shape_of
from holdfast.webhooks.shapes.model import Payload

TOOLS = Path(__file__).resolve().parents[3] / ".tools" / "bin"


def told(shape: str, name: str) -> list[Payload]:
    return list(shape_of(shape)(*ALL[name]))


def real(receiver: str, body: bytes) -> list[Any]:
    """What a real receiver made of a body."""
    program = shutil.which("receivers", path=str(TOOLS))
    if program is None:
        pytest.skip("the real receivers are not built (`make tools` brings them)")
    done = subprocess.run([program, receiver], input=body, capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("shape", READERS)
@pytest.mark.parametrize("name", ALL)
def test_every_body_has_the_fields_that_receivers_read_and_no_other(shape: str, name: str) -> None:
    payloads = told(shape, name)
    for payload in payloads:
        understand(shape, payload.body)
    assert not payloads or ALL[name][0].kind in SHAPES[shape].kinds


@pytest.mark.parametrize("shape", sorted(SHAPES.keys() - {"template"}))
def test_a_usual_webhook_is_told_of_what_its_receivers_have_a_word_for(shape: str) -> None:
    assert SHAPES[shape].usual <= SHAPES[shape].kinds
    assert told(shape, "pushed")


@pytest.mark.parametrize("shape", sorted(SHAPES.keys() - {"template"}))
@pytest.mark.parametrize("name", ALL)
def test_where_a_request_came_from_is_in_no_body(shape: str, name: str) -> None:
    for payload in told(shape, name):
        said = payload.body + repr(sorted(payload.headers.items())).encode()
        assert b"192.0.2.7" not in said
        assert b"crane" not in said
        assert b"key:12" not in said


# -- CloudEvents -------------------------------------------------------------------------------------------------------


def by_the_sdk(payload: Payload) -> BaseCloudEvent:
    return from_http_event(HTTPMessage({"content-type": payload.content_type, **payload.headers}, payload.body))


@pytest.mark.parametrize("shape", ["cloudevents", "cloudevents-binary", "harbor-cloudevents"])
@pytest.mark.parametrize("name", ALL)
def test_the_sdk_of_cloudevents_reads_ours(shape: str, name: str) -> None:
    for payload in told(shape, name):
        seen = by_the_sdk(payload)
        assert seen.get_specversion() == "1.0"
        assert seen.get_type().startswith(("holdfast.", "harbor."))
        assert seen.get_data() is not None


def test_both_modes_say_the_same() -> None:
    (structured,), (binary,) = told("cloudevents", "pushed"), told("cloudevents-binary", "pushed")
    one, other = by_the_sdk(structured), by_the_sdk(binary)
    assert one.get_data() == other.get_data() == {"path": "team/app", "digest": DIGEST, "tags": ["v1", "latest"]}
    assert one.get_attributes() == other.get_attributes()
    assert one.get_id() == "4711"
    assert one.get_source() == "https://registry.example.com"
    assert one.get_subject() == f"team/app@{DIGEST}"


# -- distribution and ACR ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_distributions_own_types_read_our_envelope(name: str) -> None:
    for payload in told("distribution", name):
        assert payload.content_type == "application/vnd.docker.distribution.events.v2+json"
        seen = real("distribution", payload.body)
        assert seen
        assert len({each["id"] for each in seen}) == len(seen)


def test_an_envelope_says_where_the_image_is() -> None:
    (payload,) = told("distribution", "pushed")
    one, other = real("distribution", payload.body)
    assert one["action"] == other["action"] == "push"
    assert (one["target"]["tag"], other["target"]["tag"]) == ("v1", "latest")
    assert one["target"]["repository"] == "team/app"
    assert one["target"]["digest"] == DIGEST
    assert one["target"]["size"] == one["target"]["length"] == 1234
    assert one["target"]["url"] == f"https://registry.example.com/v2/team/app/manifests/{DIGEST}"
    assert one["request"]["host"] == "registry.example.com"
    assert one["actor"]["name"] == "ann"


def test_deletions_name_what_the_reference_registry_names() -> None:
    def targets(name: str) -> list[dict[str, Any]]:
        (payload,) = told("distribution", name)
        return [each["target"] for each in read(payload)["events"] if each["action"] == "delete"]

    tag = {"repository": "team/app", "tag": "v1"}
    assert targets("tag deleted") == [tag]
    assert targets("untagged manifest deleted") == [{"digest": DIGEST, "repository": "team/app"}]
    assert targets("purged here") == [{"digest": DIGEST, "repository": "team/app"}, tag]
    assert targets("blob deleted") == [{"digest": OTHER, "repository": "team/app"}]
    assert targets("repository deleted") == [{"repository": "team/app"}]
    assert targets("rolled back") == [{"repository": "team/app", "tag": "v2"}]


def test_an_event_has_the_same_ids_whenever_it_is_told() -> None:
    assert told("distribution", "pushed") == told("distribution", "pushed")
    assert told("acr", "pushed") == told("acr", "pushed")
    ids = {read(payload)["id"] for payload in told("acr", "pushed")}
    assert len(ids) == 2


def test_acr_receivers_are_told_of_tags_one_by_one() -> None:
    one, other = (understand("acr", payload.body) for payload in told("acr", "pushed"))
    assert (one.target.tag, other.target.tag) == ("v1", "latest")
    assert one.request.host == "registry.example.com"
    assert told("acr", "moved")[0].headers["user-agent"].startswith("AzureContainerRegistry/")
    assert told("acr", "pushed by digest") == []
    assert [read(each)["action"] for each in told("acr", "manifest deleted")] == ["delete"]


# -- Harbor ------------------------------------------------------------------------------------------------------------


def test_harbor_receivers_are_told_of_tags_one_by_one_and_what_to_pull() -> None:
    seen = [understand("harbor", payload.body) for payload in told("harbor", "pushed")]
    assert {(each.type, each.operator, each.occur_at) for each in seen} == {("PUSH_ARTIFACT", "ann", 1_795_316_645)}
    resources = [resource for each in seen for resource in each.event_data.resources]
    assert [each.resource_url for each in resources] == [
        "registry.example.com/team/app:v1",
        "registry.example.com/team/app:latest",
    ]
    assert {each.digest for each in resources} == {DIGEST}
    repository = seen[0].event_data.repository
    assert (repository.name, repository.namespace, repository.repo_full_name) == ("app", "team", "team/app")
    assert (repository.repo_type, repository.date_created) == ("private", 1_795_000_000)


def test_harbor_names_an_image_without_tag_by_its_digest() -> None:
    (payload,) = told("harbor", "pushed by digest")
    (resource,) = understand("harbor", payload.body).event_data.resources
    assert resource.tag == resource.digest == DIGEST
    assert resource.resource_url == f"registry.example.com/team/app@{DIGEST}"


@pytest.mark.parametrize(
    ("name", "types"),
    [
        ("rolled back", ["PUSH_ARTIFACT"]),
        ("tag deleted", []),
        ("manifest deleted", ["DELETE_ARTIFACT", "DELETE_ARTIFACT"]),
        ("untagged manifest deleted", ["DELETE_ARTIFACT"]),
        ("purged here", ["DELETE_ARTIFACT"]),
        ("purge asked for", []),
        ("quota nearly used", ["QUOTA_WARNING"]),
        ("quota used", ["QUOTA_EXCEED"]),
        ("retention", ["TAG_RETENTION"]),
        ("retention of nothing", []),
        ("user created", []),
        ("promoted from here", []),
    ],
)
def test_harbor_is_told_by_harbors_words(name: str, types: list[str]) -> None:
    assert [read(payload)["type"] for payload in told("harbor", name)] == types
    assert len(told("harbor-cloudevents", name)) == len(types)


def test_harbors_cloudevents_are_of_its_project_and_policy() -> None:
    (payload,) = told("harbor-cloudevents", "moved")
    seen = understand("harbor-cloudevents", payload.body)
    assert payload.content_type == "application/cloudevents+json"
    assert (seen.source, seen.type) == ("/projects/team/webhook/policies/3", "harbor.artifact.pushed")


def test_a_robot_has_the_name_that_harbor_gives_robots() -> None:
    (payload,) = shape_of("harbor")(pushed("v1", actor="robot:team+ci"), about())
    assert read(payload)["operator"] == "robot$team+ci"


def test_retention_and_quotas_say_how_much() -> None:
    (payload,) = shape_of("harbor")(retained(5, 2), about(repository=None))
    retention = understand("harbor", payload.body).event_data.retention
    assert (retention.total, retention.retained, retention.project_name) == (7, 2, "team")
    (payload,) = shape_of("harbor")(quota(900 << 20), about(repository=None))
    details = understand("harbor", payload.body).event_data.custom_attributes["Details"]
    assert details == "87 % of the quota is used: 900 MiB of 1 GiB"
    (payload,) = shape_of("quay")(quota(900 << 20), about(repository=None))
    seen = understand("quay", payload.body)
    assert (seen.namespace, seen.usage_percent, seen.usage_bytes_formatted) == ("team", 87, "900 MiB")


# -- Docker Hub and Quay -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_a_library_that_receives_hubs_webhooks_reads_ours(name: str) -> None:
    for payload in told("docker-hub", name):
        (seen,) = real("docker-hub", payload.body)
        assert seen["repository"]["repo_name"] == "registry.example.com/team/app"
        assert seen["push_data"]["tag"]


def test_hub_receivers_are_told_of_tags_one_by_one() -> None:
    one, other = (understand("docker-hub", payload.body) for payload in told("docker-hub", "pushed"))
    assert (one.push_data.tag, other.push_data.tag) == ("v1", "latest")
    assert (one.push_data.pusher, one.push_data.pushed_at) == ("ann", 1_795_316_645)
    assert (one.repository.name, one.repository.namespace) == ("app", "team")
    assert one.repository.is_private
    assert one.push_data.media_type == "application/vnd.oci.image.config.v1+json"
    assert told("docker-hub", "pushed by digest") == []


def test_quay_receivers_are_told_of_tags_one_by_one() -> None:
    one, other = (understand("quay", payload.body) for payload in told("quay", "pushed"))
    assert (one.updated_tags, other.updated_tags) == (["v1"], ["latest"])
    assert one.docker_url == "registry.example.com/team/app"
    assert (one.namespace, one.name) == ("team", "app")
    assert told("quay", "pushed by digest") == []


def test_what_is_gone_meanwhile_is_left_out() -> None:
    gone = about(repository=None, manifests={})
    for shape, reader in READERS.items():
        for payload in shape_of(shape)(event(ChangeKind.TAG_MOVED, digest=DIGEST, tags=["v1"]), gone):
            assert reader
            understand(shape, payload.body)
