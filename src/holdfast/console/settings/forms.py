"""How settings are asked for in forms: from fields to the text that people write, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from holdfast.access.errors import Invalid
from holdfast.registry.effective.kinds import SettingKind, Shape
from holdfast.registry.immutability.rules import MOST_RULES, Rule, canonical, read, read_written, write

UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
FORBIDS = {
    "both": "neither move nor go",
    "move": "not move",
    "delete": "not be deleted",
}
_SPARE = 2


class RuleRow(NamedTuple):
    """A rule of immutable tags in a form; `forbids`: a key of `FORBIDS`."""

    tags: str = ""
    exceptions: str = ""
    forbids: str = "both"


class Form(NamedTuple):
    """A setting in a form. Only what its shape asks for is filled."""

    shape: Shape
    value: str = ""
    unit: str = "d"
    choices: Mapping[str, str] = {}
    rules: tuple[RuleRow, ...] = ()


def form_of(kind: SettingKind, value: str) -> Form:
    """The form of a setting that has a value, as people write it."""
    match kind.shape:
        case Shape.DURATION:
            count, unit = value[:-1], value[-1:]
            return Form(kind.shape, count if unit in UNITS else value, unit if unit in UNITS else "d")
        case Shape.CHOICE:
            return Form(kind.shape, value, choices={each: kind.words(each) for each in kind.choices})
        case Shape.RULES:
            rows = tuple(_row(rule) for rule in read(read_written(value), "").rules)
            return Form(kind.shape, rules=(*rows, *(RuleRow() for _ in range(_SPARE))))
        case _:
            return Form(kind.shape, value)


def read_form(kind: SettingKind, fields: Mapping[str, str]) -> str:
    """What the fields say, as people write it. Raises `Invalid`."""
    match kind.shape:
        case Shape.DURATION:
            count = fields.get("value", "").strip()
            return count if count == "0" else f"{count}{fields.get('unit', '')[:1]}"
        case Shape.RULES:
            return write(canonical(_rule(row) for row in rows_of(fields) if row.tags))
        case _:
            return fields.get("value", "").strip()


def tried(kind: SettingKind, fields: Mapping[str, str]) -> Form:
    """The form with what somebody wrote into it."""
    value = fields.get("value", "").strip()
    match kind.shape:
        case Shape.DURATION:
            return Form(kind.shape, value, fields.get("unit", "d"))
        case Shape.RULES:
            return Form(kind.shape, rules=(*rows_of(fields), *(RuleRow() for _ in range(_SPARE))))
        case _:
            return form_of(kind, value)._replace(value=value)


def wrong_field(kind: SettingKind, fields: Mapping[str, str]) -> str:
    """The field of a refused form that is to be written anew, as `tried` shows it."""
    if kind.shape is Shape.RULES:
        for number, row in enumerate(rows_of(fields)):
            try:
                canonical([_rule(row)] if row.tags else [])
            except Invalid as error:
                return f"{error.field}-{number}"
    return "value"


def rows_of(fields: Mapping[str, str]) -> list[RuleRow]:
    """The rules of a form that are not blank."""
    rows = []
    for number in range(MOST_RULES + _SPARE):
        row = RuleRow(
            fields.get(f"tags-{number}", "").strip(),
            fields.get(f"except-{number}", "").strip(),
            fields.get(f"forbids-{number}", "both"),
        )
        if row.tags or row.exceptions:
            rows.append(row)
    return rows


def _row(rule: Rule) -> RuleRow:
    forbids = "delete" if rule.move else "move" if rule.delete else "both"
    return RuleRow(rule.tags, " ".join(rule.exceptions), forbids)


def _rule(row: RuleRow) -> Rule:
    if row.forbids not in FORBIDS:
        raise Invalid("forbids", "choose what the tags of a rule cannot")
    return Rule(row.tags, tuple(row.exceptions.split()), move=row.forbids == "delete", delete=row.forbids == "move")
