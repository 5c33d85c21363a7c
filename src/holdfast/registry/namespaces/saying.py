"""What people say of a path: a description and labels. Pure.

A description is Markdown, kept as it was written and never rendered here. A label is NAME=VALUE: names are short words
in lower case, values one printable line; both are compared as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from holdfast.access.errors import Invalid

DESCRIPTION_BYTES = 64 << 10
MOST_LABELS = 64
LABEL_NAME = 63
LABEL_VALUE = 256
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._/-]*[a-z0-9])?\Z")


class Facts(NamedTuple):
    """What was said of a path; `made_at` (microseconds) and `made_by` None: nobody said anything."""

    description: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    made_at: int | None = None
    made_by: str | None = None


class Saying(NamedTuple):
    """What is to be said: a description (None: as it is), labels to set, names of labels to take away."""

    description: str | None = None
    labels: Mapping[str, str] = {}
    without: tuple[str, ...] = ()

    def checked(self) -> Saying:
        """Itself. Raises `Invalid`."""
        if self.description is not None:
            _check_description(self.description)
        if len(self.labels) > MOST_LABELS:
            raise Invalid("labels", f"a path has at most {MOST_LABELS} labels")
        for name, value in self.labels.items():
            check_label(name, value)
        for name in self.without:
            check_label(name, "")
        return self


def check_label(name: str, value: str) -> None:
    """Raise `Invalid` unless these can be a label's."""
    if len(name) > LABEL_NAME or not _NAME.match(name):
        raise Invalid(
            "labels",
            f"{name[:64]!r} is no name of a label: 1 to {LABEL_NAME} lower-case letters, digits, '.', '_', '-' and "
            "'/', with a letter or a digit first and last",
        )
    if len(value) > LABEL_VALUE or not (value.isprintable() or not value):
        raise Invalid("labels", f"the value of {name} is one line of at most {LABEL_VALUE} printable characters")


def _check_description(text: str) -> None:
    if len(text.encode(errors="replace")) > DESCRIPTION_BYTES:
        raise Invalid("description", f"a description has at most {DESCRIPTION_BYTES} bytes")
    if any(not (letter.isprintable() or letter in "\n\r\t") for letter in text):
        raise Invalid("description", "a description is text: no control characters but line ends and tabs")
