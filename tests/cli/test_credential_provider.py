"""The two helpers of POSIX sh: the kubelet's credential provider and docker's, in every shell that is here."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.cli.program import holdfast

VERSION = "credentialprovider.kubelet.k8s.io/v1"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.c2lnbmF0dXJl-_"
_SHELLS = (("sh",), ("dash",), ("bash", "--posix"), ("busybox", "sh"), ("ksh",))
HERE = [words for words in _SHELLS if shutil.which(words[0]) is not None]


@pytest.fixture(params=HERE, ids=lambda words: words[0])
def shell(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Every shell of this machine, one at a time."""
    words: tuple[str, ...] = request.param
    return words


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return printed(tmp_path_factory.mktemp("provider"), "holdfast-credential-provider")


@pytest.fixture(scope="module")
def helper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return printed(tmp_path_factory.mktemp("helper"), "docker-credential-holdfast", "--docker")


def printed(place: Path, name: str, *flags: str) -> Path:
    """The helper as the program prints it."""
    path = place / name
    path.write_text(holdfast(place, "credential-provider", *flags).stdout)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def run(shell: tuple[str, ...], path: Path, *words: str, stdin: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a helper with nothing of this environment; without a PATH, so that it can run no other program."""
    interpreter = shutil.which(shell[0])
    assert interpreter is not None
    command = [interpreter, *shell[1:], str(path), *words]
    return subprocess.run(
        command,
        input=stdin,
        env={"PATH": "/nonexistent", **env},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def request(**changed: Any) -> dict[str, Any]:
    return {
        "kind": "CredentialProviderRequest",
        "apiVersion": VERSION,
        "image": "registry.example.com/shop/web:v1",
        "serviceAccountToken": TOKEN,
        "serviceAccountAnnotations": {},
        **changed,
    }


# -- kubelet -----------------------------------------------------------------------------------------------------------


def test_the_token_is_the_password(shell: tuple[str, ...], provider: Path) -> None:
    done = run(shell, provider, stdin=json.dumps(request()))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "apiVersion": VERSION,
        "kind": "CredentialProviderResponse",
        "cacheKeyType": "Registry",
        "cacheDuration": "0s",
        "auth": {"registry.example.com": {"username": "oauth2accesstoken", "password": TOKEN}},
    }


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(request(), indent=2),
        json.dumps(request(), separators=(",", ":")),
        json.dumps(request(), indent="\t").replace("\n", "\r\n"),
        json.dumps(dict(reversed(request().items()))) + "\n\n",
        json.dumps(request(image="registry.example.com/shop/web@sha256:" + "0" * 64)),
        # Annotations are somebody else's words: nothing in them is a field of the request.
        json.dumps(request(serviceAccountAnnotations={"serviceAccountToken": "evil", "image": "evil.example.com/a"})),
        json.dumps({"serviceAccountAnnotations": {"a": {"image": "evil.example.com/a"}}, **request()}),
        json.dumps(request(serviceAccountAnnotations={'"image"': '","image":"evil.example.com/a","x":"'})),
        json.dumps(request(serviceAccountAnnotations={"a": "}}", "b": "{[", "c": '\\"', "d": "\\", "e": "\\\\"})),
        json.dumps(request(serviceAccountAnnotations={"a\\": '\\\\"},"serviceAccountToken":"evil', "é": "💣"})),
        json.dumps(request(other=["serviceAccountToken", "evil", {"image": "evil.example.com/a"}], number=5)),
        json.dumps({"other": "serviceAccountToken", **request(more=None, yes=True)}),
    ],
)
def test_only_fields_of_the_request_count(shell: tuple[str, ...], provider: Path, text: str) -> None:
    done = run(shell, provider, stdin=text)
    assert done.returncode == 0, done.stderr
    auth = json.loads(done.stdout)["auth"]
    assert auth == {"registry.example.com": {"username": "oauth2accesstoken", "password": TOKEN}}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(annotations=st.dictionaries(st.text(), st.text() | st.sampled_from(['"', "\\", '\\"', "}", '","image":"evil'])))
def test_whatever_annotations_say(provider: Path, annotations: dict[str, str]) -> None:
    for ascii_only in (True, False):
        try:
            text = json.dumps(request(serviceAccountAnnotations=annotations), ensure_ascii=ascii_only)
            text.encode()
        except UnicodeEncodeError:
            continue  # half a surrogate pair: no kubelet can send it
        done = run(("sh",), provider, stdin=text)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["auth"] == {HOST: {"username": "oauth2accesstoken", "password": TOKEN}}


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        ("", "another version"),
        ("{}", "another version"),
        ("null", "another version"),
        (json.dumps(request())[:-1], "no JSON"),
        (json.dumps(request())[:-20], "no JSON"),
        (json.dumps(request(apiVersion="credentialprovider.kubelet.k8s.io/v1beta1")), "another version"),
        (json.dumps(request(kind="Other")), "no CredentialProviderRequest"),
        (json.dumps(request(serviceAccountToken="")), "tokenAttributes"),
        (json.dumps({k: v for k, v in request().items() if k != "serviceAccountToken"}), "tokenAttributes"),
        (json.dumps(request(serviceAccountToken='a"b')), "is none"),
        (json.dumps(request(serviceAccountToken="a\\nb")), "is none"),
        (json.dumps(request(serviceAccountToken="$(id)")), "is none"),
        (json.dumps(request(image="")), "no name"),
        (json.dumps(request(image="nginx")), "no registry"),
        (json.dumps(request(image="library/nginx")), "no registry"),
        (json.dumps(request(image='a.example.com/x","y":"')), "no name"),
        (json.dumps(request(image="a.example.com/`id`")), "no name"),
        (json.dumps(request(serviceAccountAnnotations={"a": "x" * 300_000})), "too long"),
    ],
)
def test_what_is_no_request_is_refused(shell: tuple[str, ...], provider: Path, stdin: str, said: str) -> None:
    done = run(shell, provider, stdin=stdin)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert TOKEN not in done.stderr


def test_its_arguments(shell: tuple[str, ...], provider: Path) -> None:
    done = run(
        shell, provider, "--user", "shop+pull", "--cache-duration", "5m0s", stdin=json.dumps(request(image="a:5000/b"))
    )
    answer = json.loads(done.stdout)
    assert answer["cacheDuration"] == "5m0s"
    assert answer["auth"] == {"a:5000": {"username": "shop+pull", "password": TOKEN}}
    for words in (("--user",), ("--user", 'a"b'), ("--user", ""), ("--cache-duration", "soon"), ("--other", "x")):
        assert run(shell, provider, *words, stdin=json.dumps(request())).returncode == 1


def test_the_configuration_goes_with_it(tmp_path: Path) -> None:
    text = holdfast(tmp_path, "credential-provider", "--print-config", "registry.example.com:5000/shop").stdout
    assert '- "registry.example.com:5000/shop"' in text
    assert 'serviceAccountTokenAudience: "registry.example.com:5000"' in text
    assert "request-serviceaccounts-token-audience" in text
    assert "--user" not in text
    more = ("--audience", "https://registry.example.com", "--user", "shop+pull")
    text = holdfast(tmp_path, "credential-provider", "--print-config", "*.example.com", *more).stdout
    assert 'serviceAccountTokenAudience: "https://registry.example.com"' in text
    assert text.endswith('    args:\n      - "--user"\n      - "shop+pull"\n')
    for words in (
        ("--print-config", "a b"),
        ("--print-config", 'a"'),
        ("--print-config", "*.example.com"),
        ("--print-config", "a.example.com", "--user", "x y"),
        ("--print-config", "a.example.com", "--docker"),
        ("--user", "x"),
    ):
        holdfast(tmp_path, "credential-provider", *words, status=2)


# -- docker ------------------------------------------------------------------------------------------------------------

HOST = "registry.example.com"
NOT_FOUND = "credentials not found in native keychain\n"


@pytest.mark.parametrize("server", [HOST, f"https://{HOST}", f"https://{HOST}/v2/"])
def test_a_job_answers_with_its_own_token(shell: tuple[str, ...], helper: Path, server: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    for env in ({"HOLDFAST_ID_TOKEN": TOKEN}, {"HOLDFAST_TOKEN_FILE": str(file)}):
        done = run(shell, helper, "get", stdin=server, HOLDFAST_REGISTRY=f"other {HOST}", **env)
        assert done.returncode == 0, done.stdout
        assert json.loads(done.stdout) == {"ServerURL": server, "Username": "oauth2accesstoken", "Secret": TOKEN}
    done = run(
        shell, helper, "get", stdin=server, HOLDFAST_REGISTRY=HOST, HOLDFAST_ID_TOKEN=TOKEN, HOLDFAST_USER="shop+ci"
    )
    assert json.loads(done.stdout)["Username"] == "shop+ci"


@pytest.mark.parametrize("server", ["docker.io", "https://index.docker.io/v1/", f"{HOST}.evil.example", f"evil/{HOST}"])
def test_nobody_else_gets_it(shell: tuple[str, ...], helper: Path, server: str) -> None:
    for registry in (HOST, ""):
        done = run(shell, helper, "get", stdin=server, HOLDFAST_REGISTRY=registry, HOLDFAST_ID_TOKEN=TOKEN)
        assert (done.returncode, done.stdout) == (1, NOT_FOUND)


def test_what_could_break_the_answer_is_refused(shell: tuple[str, ...], helper: Path) -> None:
    for server, env in (
        ("", {}),
        ('a"b', {}),
        (HOST, {"HOLDFAST_ID_TOKEN": 'a"b'}),
        (HOST, {"HOLDFAST_ID_TOKEN": TOKEN, "HOLDFAST_USER": 'a"b'}),
        (HOST, {"HOLDFAST_TOKEN_FILE": "/nonexistent"}),
    ):
        done = run(shell, helper, "get", stdin=server, HOLDFAST_REGISTRY=HOST, **env)
        assert done.returncode != 0
        assert "{" not in done.stdout


def test_the_other_words_of_docker(shell: tuple[str, ...], helper: Path) -> None:
    assert json.loads(run(shell, helper, "list", stdin="").stdout) == {}
    listed = run(shell, helper, "list", stdin="", HOLDFAST_REGISTRY=f"{HOST} localhost:5000")
    assert json.loads(listed.stdout) == {HOST: "oauth2accesstoken", "localhost:5000": "oauth2accesstoken"}
    assert run(shell, helper, "erase", stdin=HOST).returncode == 0
    assert run(shell, helper, "store", stdin="{}").returncode == 1
    assert run(shell, helper, "version", stdin="").returncode == 0
    assert run(shell, helper, stdin="").returncode == 1


@contextmanager
def github() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """What gives a job its token; and the requests that it got (path, Authorization)."""
    seen: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers["Authorization"]))
            data = json.dumps({"count": 1857, "value": TOKEN}).encode()
            self.send_response_only(200 if "audience=" in self.path else 400)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/token?api-version=2.0", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_github_is_asked_for_a_token(shell: tuple[str, ...], helper: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not on this machine")
    path = str(Path(str(shutil.which("curl"))).parent)
    with github() as (url, seen):
        job: Mapping[str, str] = {
            "PATH": path,
            "HOLDFAST_REGISTRY": HOST,
            "ACTIONS_ID_TOKEN_REQUEST_URL": url,
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token",
        }
        assert json.loads(run(shell, helper, "get", stdin=HOST, **job).stdout)["Secret"] == TOKEN
        assert seen == [(f"/token?api-version=2.0&audience={HOST}", "bearer request-token")]
        run(shell, helper, "get", stdin=HOST, **job, HOLDFAST_AUDIENCE="https://a.example")
        assert seen[-1][0].endswith("&audience=https://a.example")
        assert run(shell, helper, "get", stdin="docker.io", **job).returncode == 1
        assert len(seen) == 2
    assert "id-token: write" in run(shell, helper, "get", stdin=HOST, **job).stdout


def test_anywhere_else_the_log_in_of_the_command_line_serves(helper: Path, tmp_path: Path) -> None:
    context = {"url": f"https://{HOST}", "user": "alice", "refresh": "refresh-secret"}
    robot = {"url": "https://other.example.com:5000", "user": "shop+ci", "key": "hf_key"}
    place = tmp_path / "holdfast"
    place.mkdir(mode=0o700)
    file = place / "contexts.json"
    file.write_text(json.dumps({"current": "a", "contexts": {"a": context, "b": robot}}))
    file.chmod(0o600)

    def ask(action: str, server: str, status: int = 0) -> Any:
        done = subprocess.run(
            [str(helper), action],
            input=server,
            env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "XDG_CONFIG_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return json.loads(done.stdout) if status == 0 and action != "erase" else done.stdout

    found = ask("get", HOST)
    assert found == {"ServerURL": HOST, "Username": "<token>", "Secret": "refresh-secret"}  # docker's identity token
    found = ask("get", "https://other.example.com:5000/v2/")
    assert (found["Username"], found["Secret"]) == ("shop+ci", "hf_key")
    assert ask("get", "other.example.com", 1) == NOT_FOUND
    assert ask("get", "docker.io", 1) == NOT_FOUND
    assert ask("list", "") == {HOST: "alice", "other.example.com:5000": "shop+ci"}
    ask("erase", HOST)
    assert ask("get", HOST)
