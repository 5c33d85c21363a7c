"""The policy file on this machine: TOML to be read and kept under version control, or the same as JSON."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import click

_HEAD = """\
# Who may do what, as `holdfast grant export` wrote it. A section that is here says all that there is of its kind;
# leave a section out, and `holdfast policy apply` leaves what is of it alone.
"""


def read_policy(file: Path) -> dict[str, Any]:
    """What a policy file says, as the API takes it. Raises `click.ClickException`."""
    try:
        text = file.read_text(encoding="utf-8")
        found: Any = json.loads(text) if text.lstrip().startswith("{") else _plain(tomllib.loads(text))
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file} cannot be read: {error}") from error
    except (ValueError, RecursionError) as error:
        raise click.ClickException(f"{file} is neither TOML nor JSON: {error}") from error
    if not isinstance(found, dict):
        raise click.ClickException(f"{file} is no policy: it has no sections")
    return found


def toml_of(policy: Mapping[str, Any]) -> str:
    """A policy of the API as TOML."""
    return "".join(_lines(policy))


def _lines(policy: Mapping[str, Any]) -> Iterator[str]:
    yield _HEAD
    tables = [(name, rows) for name, rows in policy.items() if isinstance(rows, list)]
    if policy.get("path"):
        yield f"path = {_value(policy['path'])}\n"
    for name, rows in tables:
        if not rows:
            yield f"{name} = []\n"
    for name, rows in tables:
        for row in rows:
            yield f"\n[[{name}]]\n"
            for field, value in row.items():
                yield f"{field} = {_value(value)}\n"
    if "visibility" in policy:
        yield "\n[visibility]\n"
        for path, word in policy["visibility"].items():
            yield f"{_value(path)} = {_value(word)}\n"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_value(name)} = {_value(inner)}" for name, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    # A basic string of TOML is a string of JSON, but for one character that only TOML escapes.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _plain(value: Any) -> Any:
    """What TOML gives, with times as text."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return list(map(_plain, value))
    return value.isoformat() if isinstance(value, datetime | date | time) else value
