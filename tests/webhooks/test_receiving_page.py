"""What the pages on receiving webhooks show is right: bodies are as they are sent, verification accepts ours alone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.docs import pages
from tests.webhooks.shapes.events import ALL, read

from holdfast.webhooks.shapes.catalogue import SHAPES, shape_of
from holdfast.webhooks.shapes.template import FIELDS, MOST_CHARACTERS, MOST_PLACEHOLDERS, MOST_VALUE
from holdfast.webhooks.signature import new_secret, signed_headers

BODIES = pages.REFERENCE / "webhook-bodies.md"
RECEIVE = pages.HOW_TO / "receive-webhooks.md"
_SHOWN = re.compile(r"<!-- body: ([a-z-]+), ([a-z ]+) -->\n```(json|http)\n(.*?)```\n", re.DOTALL)


# -- bodies ------------------------------------------------------------------------------------------------------------


def shown() -> list[tuple[str, str, str, str]]:
    found: list[tuple[str, str, str, str]] = _SHOWN.findall(BODIES.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(("shape", "name", "language", "text"), shown())
def test_the_bodies_that_are_shown_are_those_that_are_sent(shape: str, name: str, language: str, text: str) -> None:
    payload = shape_of(shape)(*ALL[name])[0]
    if language == "http":
        head = [
            f"{each}: {value}" for each, value in (("content-type", payload.content_type), *payload.headers.items())
        ]
        assert text == "\n".join([*head, "", payload.body.decode(), ""])
    else:
        assert text == json.dumps(read(payload), indent=2) + "\n"


def test_every_shape_and_field_is_described() -> None:
    said = {pages.code(row["shape"])[0]: row["what it is"] for row in pages.table(BODIES, "shape")}
    assert said == {each.name: each.says for each in SHAPES.values()}
    assert {shape for shape, _, _, _ in shown()} == set(SHAPES) - {"template"}
    fields = {pages.code(row["field"])[0]: row["what it is"] for row in pages.table(BODIES, "field")}
    assert fields.pop("data.NAME")
    assert fields == dict(FIELDS)
    text = BODIES.read_text(encoding="utf-8")
    assert f"{MOST_CHARACTERS:,} characters and {MOST_PLACEHOLDERS} placeholders" in text
    assert f"{MOST_VALUE:,} characters" in text


def test_the_template_that_is_shown_is_taken() -> None:
    (block,) = [each for each in pages.blocks(BODIES) if "${tag}" in each.text]
    (payload,) = shape_of("template", block.text)(*ALL["moved"])
    assert read(payload)["tag"] == "v1"


# -- verification ------------------------------------------------------------------------------------------------------


class Request(NamedTuple):
    """What came, and with which secrets it is looked at."""

    secrets: list[str]
    headers: dict[str, str]
    body: bytes


Verifier = Callable[[Request], bool]


def block_of(language: str) -> str:
    (text,) = [each.text for each in pages.blocks(RECEIVE) if each.language == language]
    return text


def asked(command: list[str], request: Request, *, cwd: Path | None = None) -> bool:
    """What a program that is given a request as JSON says of it."""
    document = {"secrets": request.secrets, "headers": request.headers, "body": request.body.decode()}
    done = subprocess.run(
        command, input=json.dumps(document), capture_output=True, text=True, timeout=120, check=False, cwd=cwd
    )
    assert done.returncode == 0, done.stderr
    return {"true": True, "false": False}[done.stdout.strip().lower()]


def python(_: Path) -> Verifier:
    script = block_of("python") + (
        "import json, sys\nasked = json.load(sys.stdin)\n"
        "print(verify(asked['secrets'], asked['headers'], asked['body'].encode()))\n"
    )
    return lambda request: asked([sys.executable, "-c", script], request)


def node(_: Path) -> Verifier:
    program = shutil.which("node") or pytest.skip("there is no node on this machine")
    script = block_of("js") + (
        'const asked = JSON.parse(require("node:fs").readFileSync(0));\n'
        "console.log(verify(asked.secrets, asked.headers, Buffer.from(asked.body)));\n"
    )
    return lambda request: asked([program, "-e", script], request)


_GO_MAIN = """package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
)

func main() {
	var asked struct {
		Secrets []string          `json:"secrets"`
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
	}
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		panic(err)
	}
	headers := http.Header{}
	for name, value := range asked.Headers {
		headers.Set(name, value)
	}
	fmt.Println(verify(asked.Secrets, headers, []byte(asked.Body)))
}
"""


def go(where: Path) -> Verifier:
    program = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if program is None:
        pytest.skip("there is no go on this machine")
    (where / "verify.go").write_text(block_of("go"))
    (where / "main.go").write_text(_GO_MAIN)
    (where / "go.mod").write_text("module receive\n\ngo 1.21\n")
    built = subprocess.run(
        [program, "build", "-p", "1", "-o", "receive", "."], cwd=where, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    return lambda request: asked([str(where / "receive")], request)


def shell(_: Path) -> Verifier:
    def verify(request: Request) -> bool:
        headers = [request.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")]
        return any(
            subprocess.run(
                ["/bin/sh", "-c", block_of("sh") + 'verify "$@"\n', "sh", secret, *headers],
                input=request.body,
                capture_output=True,
                timeout=60,
                check=False,
            ).returncode
            == 0
            for secret in request.secrets
        )

    return verify


@pytest.mark.parametrize("language", [python, node, go, shell])
def test_the_examples_accept_what_we_sign_and_nothing_else(
    language: Callable[[Path], Verifier], tmp_path: Path
) -> None:
    accepts = language(tmp_path)
    fresh, old, other = (new_secret() for _ in range(3))
    body = '{"text":"né %s\\n"}'.encode()
    now = int(time.time())

    def request(secrets: list[str], at: int = now, known: str = fresh, **changed: str) -> Request:
        headers = {**signed_headers(secrets, "evt_1", at, body), **{f"webhook-{k}": v for k, v in changed.items()}}
        return Request([known], headers, body)

    assert accepts(request([fresh]))
    assert accepts(request([fresh, old], known=old)), "a secret is rotated"
    assert accepts(request([fresh])._replace(secrets=[other, fresh])), "the receiver knows both"
    assert accepts(request([fresh], at=now - 240))
    for refused in (
        request([fresh], known=other),
        request([fresh], at=now - 3600),
        request([fresh], at=now + 3600),
        request([fresh], timestamp=str(now + 1)),
        request([fresh], id="evt_2"),
        request([fresh], signature=""),
        request([fresh], signature="v1,"),
        request([fresh], signature="v1a,AAAA v2,BBBB v1,CCCC"),
        request([fresh])._replace(body=body + b" "),
    ):
        assert not accepts(refused), refused
