"""What one examination of the doctor gives: a verdict, what was seen, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """`failed` stops a start or loses data; `warning` works but should be known; `skipped` could not be looked at."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report. `advice` says what to do, and is empty only where nothing needs doing."""

    name: str
    verdict: Verdict
    seen: str
    advice: str = ""


def ok(name: str, seen: str) -> Check:
    """Nothing to do."""
    return Check(name, Verdict.OK, seen)


def warning(name: str, seen: str, advice: str) -> Check:
    """It works, with a drawback."""
    return Check(name, Verdict.WARNING, seen, advice)


def failed(name: str, seen: str, advice: str) -> Check:
    """Do not run like this."""
    return Check(name, Verdict.FAILED, seen, advice)


def skipped(name: str, seen: str, advice: str) -> Check:
    """Could not be examined here."""
    return Check(name, Verdict.SKIPPED, seen, advice)
