"""What `holdfast connect kubernetes` prints, as kubectl and a kubelet take it."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from tests.access.federation.issuing import Issuing, jwk_set, key_of, kubernetes
from tests.access.federation.wire import registry_of
from tests.cli.connect.place import Login, Place, login_in, made_robot
from tests.deploy.yaml_reader import read_yaml

from holdfast.cli.client import segment

UID = "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798"
ISS = "https://kubernetes.default.svc.cluster.local"


class Cluster(ThreadingHTTPServer):
    """What of an API server `kubectl apply` needs for Secrets and ServiceAccounts: it keeps what is created."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Api)
        self.kept: dict[str, dict[str, Any]] = {}


class _Api(BaseHTTPRequestHandler):
    server: Cluster
    _RESOURCES = (("secrets", "Secret"), ("serviceaccounts", "ServiceAccount"))

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        verbs = ["create", "get", "patch"]
        known: dict[str, dict[str, Any]] = {
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
            "/api/v1": {
                "kind": "APIResourceList",
                "groupVersion": "v1",
                "resources": [
                    {"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": verbs}
                    for name, kind in self._RESOURCES
                ],
            },
        }
        missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
        found = known.get(path) or self.server.kept.get(path)
        self._answer(200 if found else 404, found or missing)

    def do_POST(self) -> None:
        made = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.kept[f"{self.path.partition('?')[0]}/{made['metadata']['name']}"] = made
        self._answer(201, made)

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Run such a server."""
    with Cluster() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def kubectl(home: Path, *words: str, stdin: str = "") -> str:
    """What kubectl says; skip the test where it is not."""
    found = shutil.which("kubectl")
    if found is None:
        pytest.skip("kubectl is not on this machine")
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "KUBECONFIG": str(home / "none")}
    done = subprocess.run(
        [found, *words], input=stdin, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_kubectl_applies_it(place: Place, tmp_path: Path) -> None:
    words = ("--namespace", "shop", "--name", "pull-app", "--service-account", "web")
    done = place.connect("kubernetes", "applied/app", *words)
    with cluster() as server:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        said = kubectl(tmp_path, "apply", "--server", address, "--validate=false", "-f", "-", stdin=done.stdout)
        assert said.splitlines() == ["secret/pull-app created", "serviceaccount/web created"]
        secret = server.kept["/api/v1/namespaces/shop/secrets/pull-app"]
        account = server.kept["/api/v1/namespaces/shop/serviceaccounts/web"]
    assert account["imagePullSecrets"] == [{"name": "pull-app"}]
    robot = made_robot(done.stderr)
    assert secret["metadata"]["annotations"]["holdfast-robot"] == f"robot:{robot}"
    config = json.loads(b64decode(secret["data"][".dockerconfigjson"], validate=True))
    login = config["auths"][place.server.host]
    place.pushed("applied/app")
    assert place.may(Login(login["username"], login["password"]), "applied/app") == (True, False)


def test_the_secret_is_what_kubectl_itself_makes(place: Place, tmp_path: Path) -> None:
    done = place.connect("kubernetes", "same/app")
    ours = read_yaml(done.stdout, tmp_path / "yaml")
    login = login_in("kubernetes", done.stdout, done.stderr)
    theirs = json.loads(
        kubectl(
            tmp_path,
            *("create", "secret", "docker-registry", "holdfast-same-app", "--dry-run=client", "-o", "json"),
            *("--docker-server", place.server.host, "--docker-username", login.user),
            *("--docker-password", login.secret),
        )
    )
    assert (ours["apiVersion"], ours["kind"], ours["type"]) == (theirs["apiVersion"], theirs["kind"], theirs["type"])
    assert ours["metadata"]["name"] == theirs["metadata"]["name"]
    assert _config(ours) == _config(theirs)


def test_a_dry_run_is_a_manifest_too(place: Place, tmp_path: Path) -> None:
    found = read_yaml(place.connect("kubernetes", "same/app", "--dry-run").stdout, tmp_path / "yaml")
    (login,) = _config(found)["auths"].values()
    assert login["password"] == "KEY"


def test_a_kubelet_pulls_by_the_provider(place: Place, tmp_path: Path) -> None:
    """Ask the provider as the printed configuration tells a kubelet to, and pull with what it answers."""
    place.pushed("pods/app")
    place.pushed("pods/other")
    issuer = Issuing(ISS, [key_of("ES256", "connect")])
    with registry_of(place.server) as registry:
        registry.issuer("cluster-1", ISS, preset="kubernetes", jwks=jwk_set(*issuer.keys))
    done = place.connect(
        "kubernetes", "pods/app", "--credential-provider", "--claim", f"kubernetes.io/serviceaccount/uid={UID}"
    )
    robot = made_robot(done.stderr)
    assert "hf_" not in done.stdout + done.stderr
    assert place.keys(robot) == []
    (told,) = read_yaml(done.stdout, tmp_path / "yaml")["providers"]
    assert told["matchImages"] == [f"{place.server.host}/pods/app"]
    audience = told["tokenAttributes"]["serviceAccountTokenAudience"]
    asked = {
        "apiVersion": told["apiVersion"],
        "kind": "CredentialProviderRequest",
        "image": f"{place.server.host}/pods/app:v1",
        "serviceAccountToken": issuer.token(kubernetes(aud=audience)),
        "serviceAccountAnnotations": {},
    }
    provider = files("holdfast.cli").joinpath("shell", "holdfast-credential-provider").read_text()
    command = ["sh", "-c", provider, "holdfast-credential-provider", *told["args"]]
    answered = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=True)
    (auth,) = json.loads(answered.stdout)["auth"].values()
    login = Login(auth["username"], auth["password"])
    assert login.user == robot
    assert place.may(login, "pods/app") == (True, False)
    assert place.may(login, "pods/other") == (False, False)
    place.api("DELETE", f"/robots/{segment(robot)}")
    assert place.may(login, "pods/app") == (False, False)


def test_the_provider_alone_makes_nothing(place: Place, tmp_path: Path) -> None:
    done = place.connect("kubernetes", "none/app", "--credential-provider")
    (told,) = read_yaml(done.stdout, tmp_path / "yaml")["providers"]
    assert "args" not in told
    assert place.robots("none") == []


def _config(secret: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(b64decode(secret["data"][".dockerconfigjson"], validate=True))
    return found
