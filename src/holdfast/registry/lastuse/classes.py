"""The settings that say what kind of subject pulls: who is a scanner or a mirror beside the programs that are known to
be one, and whether what a scanner pulls counts as used."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

from holdfast.access.errors import Invalid
from holdfast.access.usage.classes import Declared, SubjectClass
from holdfast.registry.effective.kinds import SettingKind, Shape

SUBJECT_CLASSES = "subject-classes"
USE_BY_SCANNERS = "use-by-scanners"
MOST = 64
_PATTERN = re.compile(r"(?:user|robot|agent):[A-Za-z0-9*][A-Za-z0-9*._+/@-]{0,127}\Z", re.ASCII)
_WORDS = {each.word: each for each in SubjectClass if each is not SubjectClass.ANONYMOUS}


class ScannerUse(StrEnum):
    """Whether what a scanner pulls is used by that, for retention and for lists of tags."""

    COUNTS = "counts"
    DECLARED = "declared"
    IGNORED = "ignored"


@lru_cache(1024)
def declared(text: str) -> tuple[Declared, ...]:
    """What a value of `subject-classes` declares, in its order. Raises `Invalid`."""
    found = []
    for part in text.split(","):
        word, equals, pattern = part.strip().partition("=")
        word, pattern = word.strip().lower(), pattern.strip()
        if not part.strip():
            continue
        if not equals or word not in _WORDS:
            raise Invalid("value", f"{part.strip()[:64]!r}: say CLASS=WHO, with one of {', '.join(_WORDS)}")
        if _PATTERN.fullmatch(pattern) is None:
            raise Invalid("value", f"{pattern[:64]!r}: say robot:NAMESPACE+NAME, user:NAME or agent:NAME, * for any")
        found.append(Declared(pattern.lower() if pattern.startswith("agent:") else pattern, _WORDS[word]))
    if len(found) > MOST:
        raise Invalid("value", f"at most {MOST} of them")
    return tuple(found)


def _canonical(text: str) -> str:
    return ",".join(f"{each.what.word}={each.pattern}" for each in declared("" if text.strip() == "none" else text))


def _use(text: str) -> str:
    try:
        return str(ScannerUse(text.strip().lower()))
    except ValueError:
        raise Invalid("value", f"{text[:64]!r} is none of {', '.join(ScannerUse)}") from None


_SCANNER_WORDS = {"counts": "Always count as use", "declared": "Count unless declared", "ignored": "Never count"}
KINDS = (
    SettingKind(
        SUBJECT_CLASSES,
        "Who scans or copies images instead of running them, beside the programs that are known for it.",
        "CLASS=WHO, ..., as in scanner=robot:security+*, mirror=agent:copier; or none",
        _canonical,
        lambda text: text or "none",
        "none",
        title="Scanners and mirrors",
        words=lambda text: "Those that are known" if text == "none" else text.replace(",", ", "),
    ),
    SettingKind(
        USE_BY_SCANNERS,
        "Whether what scanners pull is used by that: always, unless they are declared, or never.",
        "counts, declared or ignored",
        _use,
        str,
        str(ScannerUse.DECLARED),
        title="Pulls by scanners",
        shape=Shape.CHOICE,
        choices=tuple(map(str, (ScannerUse.COUNTS, ScannerUse.DECLARED, ScannerUse.IGNORED))),
        words=_SCANNER_WORDS.__getitem__,
    ),
)
"""The settings."""
