"""Pipelines: the shell steps of what `connect` prints and of what the page has, run for real with docker and buildah.

The YAML is read by helm's reader, and the steps run in the order, the shells and the environments that the CI systems
give them. Their runners are not here.
"""

from __future__ import annotations

import json
import re
import textwrap
import threading
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.access.federation.issuing import Issuing, github, github_pull_request, gitlab, jwk_set, key_of
from tests.access.federation.wire import registry_of
from tests.clients import images
from tests.clients.connecting import connect
from tests.clients.engines import CLASSIC, Engine
from tests.clients.programs import Client, Workshop
from tests.clients.test_podman_family import stored
from tests.clients.wire import Wire
from tests.deploy.yaml_reader import read_yaml
from tests.docs import pages
from tests.serving import Server

PAGE = pages.HOW_TO / "ci.md"
KEY = re.compile(r"hf_[0-9A-Za-z]{36}")
on_docker = pytest.mark.parametrize("engine", [CLASSIC], indirect=True)


class Job:
    """A job of a pipeline: a directory with a Dockerfile, an environment, and docker."""

    def __init__(self, docker: Client, place: Path) -> None:
        self.place = place
        self.docker = docker
        self._bash = Client(Path("/bin/bash"), docker.home, env=dict(docker.env))
        (place / "checkout").mkdir(parents=True)
        (place / "checkout" / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
        (place / "bin").mkdir()
        program = place / "bin" / "docker"
        always = " ".join(f"'{word}'" for word in docker.always)
        program.write_text(f'#!/bin/sh\nexec {docker.path} {always} "$@"\n')
        program.chmod(0o755)
        self._bash.env["PATH"] = f"{place / 'bin'}:/usr/bin:/bin"

    def step(self, script: str, environment: Mapping[str, str], *, fails: bool = False) -> str:
        """Run one step as runners do: a script that ends at the first failure. What it said."""
        bash = Client(self._bash.path, self._bash.home, env={**self._bash.env, **environment})
        return bash("-e", "-o", "pipefail", "-c", script, fails=fails, cwd=self.place / "checkout").said


@pytest.fixture
def job(engine: Engine, workshop: Workshop, tmp_path: Path) -> Job:
    """Give a job whose docker is not logged in."""
    return Job(engine.client(workshop, login=False), tmp_path / "job")


def workflow(job: Job, text: str, secrets: Mapping[str, str], given: Mapping[str, str], *, fails: str = "") -> None:
    """Run a workflow of GitHub: its steps one by one; the step called `fails` has to fail, and is the last."""
    found = read_yaml(text, job.place / "yaml")
    begins = found["on"] if "on" in found else found["true"]  # as YAML 1.1 reads the word
    assert begins["push"]["branches"] == ["main"]
    (only,) = found["jobs"].values()
    for step in only["steps"]:
        if "uses" in step:
            assert step["uses"].startswith("actions/checkout@")
            continue
        own = {name: _secret(value, secrets) for name, value in step.get("env", {}).items()}
        job.step(step["run"], {**given, **only["env"], **own}, fails=step["name"] == fails)
        if step["name"] == fails:
            return


def _secret(value: str, secrets: Mapping[str, str]) -> str:
    return re.sub(r"\$\{\{ secrets\.(\w+) \}\}", lambda match: secrets[match[1]], value)


def gitlab_job(job: Job, text: str, given: Mapping[str, str]) -> None:
    """Run a job of GitLab: its script, then what comes after it."""
    found = read_yaml(text, job.place / "yaml")
    only = found["holdfast"]
    environment = {**given, **only["variables"]}
    job.step("\n".join(only["script"]), environment)
    job.step("\n".join(only["after_script"]), environment)


@contextmanager
def github_of(token: Any) -> Iterator[dict[str, str]]:
    """Run what gives a job its token; give the environment that a job has. `token`: makes one for an audience."""

    class Answer(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            assert self.headers["Authorization"] == "bearer of-the-job"
            (audience,) = parse_qs(urlsplit(self.path).query)["audience"]
            body = json.dumps({"count": 1, "value": token(audience)}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield {
                "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{server.server_address[1]}/token?api-version=2.0",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-the-job",
            }
        finally:
            server.shutdown()
            thread.join()


def issuer_of(server: Server, name: str, preset: str, iss: str) -> Issuing:
    """Let the registry believe an issuer with keys of the test's own."""
    issuer = Issuing(iss, [key_of("RS256", name)])
    with registry_of(server) as registry:
        registry.issuer(name, iss, preset=preset, jwks=jwk_set(*issuer.keys))
    return issuer


@on_docker
def test_a_workflow_pushes_with_a_key(job: Job, server: Server, wire: Wire, repository: str, tmp_path: Path) -> None:
    said = connect(server, tmp_path, "github", repository, "--push")
    key = KEY.search(said.err)
    assert key is not None
    workflow(job, said.out, {"HOLDFAST_KEY": key[0]}, {"GITHUB_SHA": "4f79c1e0"})
    assert wire.tags(repository) == ["4f79c1e0"]


@on_docker
def test_a_workflow_pulls_with_a_key(job: Job, server: Server, wire: Wire, repository: str, tmp_path: Path) -> None:
    wire.push(repository, images.image("workflow"), "latest")
    said = connect(server, tmp_path, "github", repository)
    key = KEY.search(said.err)
    assert key is not None
    workflow(job, said.out, {"HOLDFAST_KEY": key[0]}, {})
    pushing = connect(server, tmp_path, "github", repository, "--push", "--dry-run").out
    user = re.search(r'HOLDFAST_USER: "([^"]+)"', said.out)
    assert user is not None
    pushing = re.sub(r'HOLDFAST_USER: "[^"]+"', user[0], pushing)
    again = Job(job.docker, tmp_path / "again")
    workflow(again, pushing, {"HOLDFAST_KEY": key[0]}, {"GITHUB_SHA": "v2"}, fails="Build and push")
    assert wire.tags(repository) == ["latest"]


@on_docker
def test_a_workflow_pushes_without_a_secret(
    job: Job, server: Server, wire: Wire, repository: str, tmp_path: Path
) -> None:
    issuer = issuer_of(server, "pipelines-github", "github", "https://token.actions.githubusercontent.com")
    words = ("--push", "--issuer", "pipelines-github", "--claim", "repository_id=74", "--claim", "ref=refs/heads/main")
    said = connect(server, tmp_path, "github", repository, *words)
    assert "hf_" not in said.said
    assert read_yaml(said.out, tmp_path / "read")["permissions"] == {"contents": "read", "id-token": "write"}
    with github_of(lambda audience: issuer.token(github(aud=audience))) as given:
        workflow(job, said.out, {}, {**given, "GITHUB_SHA": "4f79c1e0"})
    assert wire.tags(repository) == ["4f79c1e0"]
    proposal = Job(job.docker, tmp_path / "proposal")
    with github_of(lambda audience: issuer.token(github_pull_request(aud=audience))) as given:
        workflow(proposal, said.out, {}, {**given, "GITHUB_SHA": "proposed"}, fails="Log in")
    assert wire.tags(repository) == ["4f79c1e0"]


@on_docker
@pytest.mark.parametrize("way", ["key", "token"])
def test_a_job_of_gitlab_pushes(
    job: Job, server: Server, wire: Wire, repository: str, tmp_path: Path, way: str
) -> None:
    given = {"CI_COMMIT_SHORT_SHA": "714a629c"}
    if way == "token":
        issuer = issuer_of(server, "pipelines-gitlab", "gitlab", "https://gitlab.com")
        words = ("--push", "--issuer", "pipelines-gitlab", "--claim", "project_id=20", "--claim", "ref=main")
        said = connect(server, tmp_path, "gitlab", repository, *words)
        audience = read_yaml(said.out, tmp_path / "read")["holdfast"]["id_tokens"]["HOLDFAST_ID_TOKEN"]["aud"]
        given["HOLDFAST_ID_TOKEN"] = issuer.token(gitlab(aud=audience, iss=issuer.iss))
    else:
        said = connect(server, tmp_path, "gitlab", repository, "--push")
        key = KEY.search(said.err)
        assert key is not None
        given["HOLDFAST_KEY"] = key[0]
    gitlab_job(job, said.out, given)
    assert wire.tags(repository) == ["714a629c"]


def test_the_service_of_gitlab_trusts_the_authority(server: Server, tmp_path: Path) -> None:
    """What is put before docker's own entry point writes the certificate where its daemon looks."""
    from tests.serving import program

    Client(program(), tmp_path)("tls", "init", "registry.example.com", "--out", "tls")
    words = ("--registry", "https://registry.example.com", "--ca-file", str(tmp_path / "tls/ca.crt"), "--dry-run")
    found = read_yaml(connect(server, tmp_path, "gitlab", "team/app", *words).out, tmp_path / "yaml")["holdfast"]
    (service,) = found["services"]
    shell, flag, script, name = service["entrypoint"]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "dockerd-entrypoint.sh").write_text('#!/bin/sh\necho "begins with $*"\n')
    (tmp_path / "bin" / "dockerd-entrypoint.sh").chmod(0o755)
    env = {**found["variables"], "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    here = script.replace("/etc/docker", f"{tmp_path}/docker")
    done = Client(Path(f"/bin/{shell}"), tmp_path, env=env)(flag, here, name, "--debug")
    assert done.out == "begins with --debug\n"
    written = tmp_path / "docker/certs.d/registry.example.com/ca.crt"
    assert written.read_text() == (tmp_path / "tls/ca.crt").read_text()


@on_docker
def test_the_pipeline_of_jenkins(job: Job, server: Server, wire: Wire, repository: str, tmp_path: Path) -> None:
    text = _marked("jenkins")
    script = re.search(r"sh '''\n(.*?)'''", text, re.DOTALL)
    environment = dict(re.findall(r"^    (\w+) = '([^']+)'$", text, re.MULTILINE))
    assert script is not None
    assert set(environment) == {"REGISTRY", "IMAGE"}
    account = json.loads(connect(server, tmp_path, "docker", repository, "--push", "--json").out)["account"]
    given = {name: _here(value, server, repository) for name, value in environment.items()}
    given |= {
        "HOLDFAST_USER": account["user"],
        "HOLDFAST_KEY": account["key"]["secret"],
        "WORKSPACE_TMP": str(tmp_path / "workspace"),
        "BUILD_NUMBER": "12",
    }
    said = job.step(textwrap.dedent(script[1]), given)
    assert account["key"]["secret"] not in said
    assert wire.tags(repository) == ["12"]
    assert json.loads((tmp_path / "workspace/docker/config.json").read_text()).get("auths", {}) == {}


def test_the_task_of_tekton(workshop: Workshop, server: Server, wire: Wire, repository: str, tmp_path: Path) -> None:
    task = read_yaml(_marked("tekton"), tmp_path / "yaml")
    (step,) = task["spec"]["steps"]
    secret = read_yaml(connect(server, tmp_path, "kubernetes", repository, "--push").out, tmp_path / "secret")
    places = {
        "$(workspaces.source.path)": str(tmp_path / "source"),
        "$(workspaces.dockerconfig.path)": str(tmp_path / "dockerconfig"),
        "$(params.image)": f"{server.host}/{repository}:v1",
    }
    for name in ("source", "dockerconfig"):
        (tmp_path / name).mkdir()
    (tmp_path / "source" / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    config = b64decode(secret["data"][".dockerconfigjson"])
    (tmp_path / "dockerconfig" / "config.json").write_bytes(config)
    buildah = stored(workshop, "buildah", login=False)
    program = tmp_path / "bin" / "buildah"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {buildah.path} {" ".join(buildah.always)} "$@"\n')
    program.chmod(0o755)
    environment = {each["name"]: _placed(each["value"], places) for each in step["env"]}
    sh = Client(Path("/bin/sh"), buildah.home, env={**environment, "PATH": f"{program.parent}:/usr/bin:/bin"})
    (tmp_path / "script").write_text(step["script"])
    sh(tmp_path / "script", cwd=Path(_placed(step["workingDir"], places)))
    assert wire.tags(repository) == ["v1"]


def _marked(name: str) -> str:
    """The block of the page under the comment that says whose pipeline it is."""
    found = re.search(rf"^<!-- pipeline: {name} -->\n```\w+\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def _placed(text: str, places: Mapping[str, str]) -> str:
    for written, meant in places.items():
        text = text.replace(written, meant)
    return text


def _here(text: str, server: Server, repository: str) -> str:
    return text.replace("registry.example.com", server.host).replace("team/app", repository)
