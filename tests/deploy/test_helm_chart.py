"""The chart: helm's own lint, its refusals, and what it renders, read back by helm's own YAML reader."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.clients.programs import INSTALLED, Client, find, make_home
from tests.deploy.proxies import DEPLOY

from holdfast import __version__
from holdfast.app.config import options

CHART = DEPLOY / "helm" / "holdfast"
NEEDED = {
    "image": {"repository": "registry.example.com/holdfast"},
    "publicUrl": "https://registry.example.com",
    "storage": {"url": "s3://bucket/prefix?region=eu-central-1"},
}
EVERYTHING = {
    **NEEDED,
    "image": {
        "repository": "registry.example.com/holdfast",
        "digest": "sha256:" + "a" * 64,
        "pullSecrets": [{"name": "p"}],
    },
    "storage": {"url": "az://container", "existingSecret": "bucket"},
    "trustedProxies": ["10.0.0.0/8", "fd00::/8"],
    "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/holdfast"}},
    "podLabels": {"azure.workload.identity/use": "true"},
    "settings": {"UPLOADS_SESSIONS": "5000"},
    "serve": {
        "autoscaling": {"enabled": True},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"operator": "Exists"}],
    },
    "worker": {"affinity": {"nodeAffinity": {}}},
    "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tls"},
    "networkPolicy": {
        "ingressFrom": [{"namespaceSelector": {}}],
        "egressTo": [{"ipBlock": {"cidr": "10.0.0.0/8"}}],
    },
}
CASES = [pytest.param(NEEDED, id="needed"), pytest.param(EVERYTHING, id="everything")]
# A chart around the chart: it renders each file of the other one and gives it as JSON.
READER = """{{- range $path, $_ := $.Files.Glob "files/*" }}
{{- $text := include (printf "reader/charts/holdfast/templates/%s" (base $path)) $.Subcharts.holdfast }}
{{- range splitList "\\n---" (printf "\\n%s" $text) }}
{{- with fromYaml . }}
---
{{ toJson . }}
{{- end }}
{{- end }}
{{- end }}
"""


@pytest.fixture
def helm(tmp_path: Path) -> Client:
    return Client(find("helm", *INSTALLED), make_home(tmp_path / "home", "localhost", None))


def rendered(helm: Client, place: Path, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Give every object of the chart."""
    reader = place / "reader"
    if not reader.exists():
        shutil.copytree(CHART, reader / "charts" / "holdfast")
        (reader / "Chart.yaml").write_text("apiVersion: v2\nname: reader\nversion: 1.0.0\n")
        (reader / "templates").mkdir()
        (reader / "templates" / "all.yaml").write_text(READER)
        (reader / "files").mkdir()
        for path in (CHART / "templates").glob("*.yaml"):
            (reader / "files" / path.name).write_text("x")
    (place / "values.json").write_text(json.dumps({"holdfast": values}))
    out = helm("template", "r", reader, "--values", place / "values.json", "--show-only", "templates/all.yaml").out
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def by_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in objects if each["kind"] == kind]


def pods(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in objects:
        if each["kind"] in ("Deployment", "Job"):
            yield each["kind"], each["spec"]["template"]


@pytest.mark.parametrize("values", CASES)
def test_helm_finds_nothing_wrong(helm: Client, tmp_path: Path, values: dict[str, Any]) -> None:
    (tmp_path / "values.json").write_text(json.dumps(values))
    helm("lint", "--strict", CHART, "--values", tmp_path / "values.json")
    helm("template", "r", CHART, "--values", tmp_path / "values.json")


def test_the_chart_is_of_this_version() -> None:
    lines = (CHART / "Chart.yaml").read_text().splitlines()
    assert f'appVersion: "{__version__}"' in lines
    assert f"version: {__version__}" in lines


@pytest.mark.parametrize("values", CASES)
def test_every_container_is_confined_and_looked_after(helm: Client, tmp_path: Path, values: dict[str, Any]) -> None:
    found = list(pods(rendered(helm, tmp_path, values)))
    assert [kind for kind, _ in found].count("Deployment") == 2
    for kind, pod in found:
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        security = spec["securityContext"]
        assert (security["runAsNonRoot"], security["runAsUser"]) == (True, 10001)
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert not container["image"].endswith(":latest")
            assert ":" in container["image"].rpartition("/")[2]
            assert container["resources"]["limits"]["memory"]
            if kind == "Deployment":
                assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
        assert all("hostPath" not in volume for volume in spec["volumes"])


@pytest.mark.parametrize("values", CASES)
def test_secrets_come_by_reference_alone(helm: Client, tmp_path: Path, values: dict[str, Any]) -> None:
    secret = {each.environment for each in options() if each.secret} | {"HOLDFAST_DATABASE", "AWS_SECRET_ACCESS_KEY"}
    for _, pod in pods(rendered(helm, tmp_path, values)):
        for container in pod["spec"]["containers"]:
            environment = {each["name"]: each for each in container["env"]}
            assert len(environment) == len(container["env"])
            assert "secretKeyRef" in environment["HOLDFAST_DATABASE"]["valueFrom"]
            assert not [name for name in secret & set(environment) if "value" in environment[name]]
    assert not by_kind(rendered(helm, tmp_path, values), "Secret")


@pytest.mark.parametrize("values", CASES)
def test_every_variable_is_a_setting(helm: Client, tmp_path: Path, values: dict[str, Any]) -> None:
    known = {each.environment: each for each in options()}
    for _, pod in pods(rendered(helm, tmp_path, values)):
        for container in pod["spec"]["containers"]:
            for each in container["env"]:
                option = known[each["name"]]
                if "value" in each and not option.kind.is_path:
                    option.kind.read(each["value"])


def test_probes_ask_for_what_they_mean(helm: Client, tmp_path: Path) -> None:
    serve, worker = (each["spec"]["template"]["spec"]["containers"][0] for each in _deployments(helm, tmp_path))
    assert serve["readinessProbe"]["httpGet"]["path"] == serve["startupProbe"]["httpGet"]["path"] == "/readyz"
    assert serve["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert worker["readinessProbe"]["exec"]["command"] == ["healthcheck", "worker"]
    assert serve["args"] == ["serve", "--no-jobs"]
    assert worker["args"] == ["worker"]


def _deployments(helm: Client, place: Path) -> list[dict[str, Any]]:
    found = by_kind(rendered(helm, place, NEEDED), "Deployment")
    return sorted(found, key=lambda each: str(each["metadata"]["name"]))


def test_a_stop_is_given_its_time(helm: Client, tmp_path: Path) -> None:
    for each in _deployments(helm, tmp_path):
        spec = each["spec"]["template"]["spec"]
        (stop,) = [env["value"] for env in spec["containers"][0]["env"] if env["name"] == "HOLDFAST_STOP_TIMEOUT"]
        assert spec["terminationGracePeriodSeconds"] > int(stop.rstrip("s"))


def test_the_schema_is_migrated_before_anything_starts(helm: Client, tmp_path: Path) -> None:
    (job,) = by_kind(rendered(helm, tmp_path, NEEDED), "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["migrate", "up"]
    # What a hook refers to must be there before the release.
    assert "serviceAccountName" not in job["spec"]["template"]["spec"]
    assert not by_kind(rendered(helm, tmp_path, {**NEEDED, "migrate": {"enabled": False}}), "Job")


@pytest.mark.parametrize("values", CASES)
def test_selectors_find_their_pods(helm: Client, tmp_path: Path, values: dict[str, Any]) -> None:
    objects = rendered(helm, tmp_path, values)
    labels = {
        pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod["metadata"]["labels"] for _, pod in pods(objects)
    }
    (service,) = by_kind(objects, "Service")
    selectors = [(service["spec"]["selector"], "serve")]
    for budget in by_kind(objects, "PodDisruptionBudget"):
        selectors.append((budget["spec"]["selector"]["matchLabels"], budget["metadata"]["name"].rpartition("-")[2]))
    for deployment in by_kind(objects, "Deployment"):
        selector = deployment["spec"]["selector"]["matchLabels"]
        selectors.append((selector, selector["app.kubernetes.io/component"]))
    assert len(selectors) == 5
    for selector, component in selectors:
        assert selector.items() <= labels[component].items()
        assert not any(selector.items() <= found.items() for name, found in labels.items() if name != component)


def test_what_is_optional(helm: Client, tmp_path: Path) -> None:
    plain, full = (rendered(helm, tmp_path, values) for values in (NEEDED, EVERYTHING))
    assert not by_kind(plain, "Ingress")
    assert not by_kind(plain, "HorizontalPodAutoscaler")
    (ingress,) = by_kind(full, "Ingress")
    assert ingress["spec"]["tls"] == [{"hosts": ["registry.example.com"], "secretName": "tls"}]
    assert ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"] == "0"
    (scaler,) = by_kind(full, "HorizontalPodAutoscaler")
    serve = next(each for each in by_kind(full, "Deployment") if not each["metadata"]["name"].endswith("-worker"))
    assert scaler["spec"]["scaleTargetRef"]["name"] == serve["metadata"]["name"]
    assert "replicas" not in serve["spec"]
    (account,) = by_kind(full, "ServiceAccount")
    assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].startswith("arn:aws:iam::")
    opened, closed = by_kind(full, "NetworkPolicy")
    assert opened["spec"]["policyTypes"] == closed["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert closed["spec"]["ingress"] == []
    off = {**NEEDED, "networkPolicy": {"enabled": False}, "podDisruptionBudget": {"enabled": False}}
    assert not {"NetworkPolicy", "PodDisruptionBudget"} & {each["kind"] for each in rendered(helm, tmp_path, off)}


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, "repository"),
        ({**NEEDED, "image": {"repository": "r", "tag": "latest"}}, "tag"),
        ({**NEEDED, "image": {"repository": "r", "digest": "sha256:short"}}, "digest"),
        ({**NEEDED, "publicUrl": "registry.example.com"}, "publicUrl"),
        ({**NEEDED, "storage": {"url": "/srv"}}, "url"),
        ({**NEEDED, "settings": {"DATABASE": "postgresql://me:word@db/x"}}, "DATABASE"),
        ({**NEEDED, "secrets": {"databaseUrl": "postgresql://me:word@db/x"}}, "databaseUrl"),
        ({**NEEDED, "replicas": 3}, "replicas"),
    ],
)
def test_values_that_are_refused(helm: Client, tmp_path: Path, values: dict[str, Any], named: str) -> None:
    (tmp_path / "values.json").write_text(json.dumps(values))
    said = helm("template", "r", CHART, "--values", tmp_path / "values.json", fails=True).said
    assert named in said
