"""Rules from the files of other registries: lifecycle policies of ECR, cleanup policies of Artifact Registry.

Promises: a rule is translated only where it means the same for images with one tag, pushed once; everything else is
refused, with the reason. What differs for images with several tags is told as a note.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from holdfast.access.errors import Invalid
from holdfast.retention.rules import Policy
from holdfast.retention.written import from_plain

MOST = 1 << 20
"""Characters of a file."""
_AR_TIME = re.compile(r"([0-9]{1,9})([smhd])?\Z")


_NOTES = (
    "tags are dropped one by one: an image stays as long as one of its tags does",
    "an image is as new as the last tag that was put on it",
)


class Refused(NamedTuple):
    """A rule that has no translation, by the name that the file gives it, and why."""

    rule: str
    reason: str


class Imported(NamedTuple):
    """What a file says, as far as it can be said here. `format`: `ecr` or `artifact-registry`."""

    format: str
    policy: Policy
    refused: tuple[Refused, ...]
    notes: tuple[str, ...]


class _Not(Exception):
    """The rule has no translation; the text says why."""


def read(text: str, path: str) -> Imported:
    """The rules of a file. `path`: the namespace that they are for, whose repositories packages are. Raises
    `Invalid`."""
    if len(text) > MOST:
        raise Invalid("document", f"a file has at most {MOST} characters")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid("document", f"this is not JSON: {error}") from error
    if isinstance(document, dict) and isinstance(document.get("lifecyclePolicyText"), str):
        return read(document["lifecyclePolicyText"], path)  # what `aws ecr get-lifecycle-policy` prints
    if isinstance(document, dict) and isinstance(document.get("rules"), list):
        return _ecr(document["rules"])
    if isinstance(document, list):
        return _artifact_registry(document, path)
    raise Invalid(
        "document",
        "this is neither a lifecycle policy of ECR (an object with 'rules') nor a cleanup policy of Artifact Registry "
        "(a list)",
    )


# -- ECR ---------------------------------------------------------------------------------------------------------------


def _ecr(rules: Sequence[Any]) -> Imported:
    """A rule leaves alone what a rule of a smaller priority number spoke of, expired or not."""
    found: list[dict[str, Any]] = []
    refused: list[Refused] = []
    notes = list(_NOTES)
    earlier: list[str] = []
    for rule in sorted((_mapping(each, "a rule") for each in rules), key=_priority):
        name = f"ecr-{_priority(rule)}"
        selection = _mapping(rule.get("selection", {}), "selection")
        try:
            globs = _ecr_globs(selection)
            found += _ecr_rules(name, rule, selection, globs, earlier)
        except _Not as error:
            refused.append(Refused(name, str(error)))
            globs = _all_globs(selection)
        earlier += globs
    return Imported("ecr", from_plain({"rules": found}), tuple(refused), tuple(notes))


def _priority(rule: Mapping[str, Any]) -> int:
    found = rule.get("rulePriority")
    if not isinstance(found, int):
        raise Invalid("rulePriority", "every rule of ECR has a rulePriority")
    return found


def _ecr_rules(
    name: str, rule: Mapping[str, Any], selection: Mapping[str, Any], globs: list[str], earlier: list[str]
) -> list[dict[str, Any]]:
    action = _mapping(rule.get("action", {}), "action").get("type")
    if action != "expire":
        raise _Not(f"the action {action!r} is not 'expire': images are not moved to another class of storage here")
    status = selection.get("tagStatus")
    if status not in ("tagged", "untagged", "any"):
        raise _Not(f"there is no tagStatus {status!r}")
    count = selection.get("countNumber")
    kind = selection.get("countType")
    if not isinstance(count, int) or count < 1:
        raise _Not("countNumber is a number from 1 on")
    tagged: dict[str, Any] = {"name": name, "action": "drop"}
    if globs:
        tagged["tags"] = globs
    if earlier:
        tagged["except"] = sorted(set(earlier))
    if kind == "imageCountMoreThan":
        if status != "tagged":
            raise _Not("it counts untagged images too: here only tags are ranked; say 'older_than' for untagged ones")
        return [{**tagged, "beyond": count, "count": "images"}]
    condition = {"sinceImagePushed": "older_than", "sinceImagePulled": "unused_for"}.get(str(kind))
    if condition is None or selection.get("countUnit") != "days":
        raise _Not(f"there is nothing like the countType {kind!r} in {selection.get('countUnit')!r} here")
    span = {condition: f"{count}d"}
    untagged = {"name": f"{name}-untagged" if status == "any" else name, "action": "drop", "untagged": True, **span}
    return [
        *([{**tagged, **span}] if status != "untagged" else []),
        *([untagged] if status != "tagged" else []),
    ]


def _ecr_globs(selection: Mapping[str, Any]) -> list[str]:
    """The tags that a rule speaks of, none: all."""
    if selection.get("tagStatus") != "tagged":
        return []
    globs = _all_globs(selection)
    if not globs:
        raise _Not("it names no tags")
    if len(globs) > 1:
        raise _Not("several prefixes or patterns must all be on one image there, and each tag is judged alone here")
    return globs


def _all_globs(selection: Mapping[str, Any]) -> list[str]:
    prefixes, patterns = (selection.get(field) or [] for field in ("tagPrefixList", "tagPatternList"))
    return [f"{each.rstrip('*')}*" for each in prefixes if isinstance(each, str)] + [
        each for each in patterns if isinstance(each, str)
    ]


# -- Artifact Registry -------------------------------------------------------------------------------------------------


def _artifact_registry(policies: Sequence[Any], path: str) -> Imported:
    found: list[dict[str, Any]] = []
    refused: list[Refused] = []
    notes = list(_NOTES)
    for number, each in enumerate(policies, 1):
        policy = _mapping(each, "a policy")
        name = str(policy.get("name") or policy.get("id") or f"policy-{number}")[:48]
        try:
            found += _ar_rules(name, policy, path)
        except _Not as error:
            refused.append(Refused(name, str(error)))
            if _ar_action(policy) == "keep":
                raise Invalid(
                    "document",
                    f"the keep policy {name!r} cannot be translated ({error}), and without it the others would drop "
                    "what it keeps",
                ) from error
    if any("newest" in rule for rule in found):
        for rule in [each for each in found if each.get("untagged") and each["action"] == "drop"]:
            found.remove(rule)
            refused.append(
                Refused(rule["name"], "untagged versions count as recent ones there, and are not ranked here")
            )
    return Imported("artifact-registry", from_plain({"rules": found}), tuple(refused), tuple(notes))


def _ar_action(policy: Mapping[str, Any]) -> str:
    action = policy.get("action")
    said = action.get("type") if isinstance(action, dict) else action
    return str(said).lower()


def _ar_rules(name: str, policy: Mapping[str, Any], path: str) -> list[dict[str, Any]]:
    action = {"keep": "keep", "delete": "drop"}.get(_ar_action(policy))
    if action is None:
        raise _Not("its action is neither Keep nor Delete")
    rule: dict[str, Any] = {"name": name, "action": action}
    newest = policy.get("mostRecentVersions")
    if newest is not None:
        return [_ar_newest(rule, _mapping(newest, "mostRecentVersions"), path)]
    condition = _mapping(policy.get("condition", {}), "condition")
    if condition.get("versionNamePrefixes"):
        raise _Not("versionNamePrefixes choose digests, which no rule here does")
    for there, here in (("olderThan", "older_than"), ("newerThan", "younger_than")):
        if condition.get(there) is not None:
            rule[here] = _ar_span(str(condition[there]))
    rule |= _ar_repositories(condition, path)
    state = str(condition.get("tagState", "any")).lower()
    prefixes = condition.get("tagPrefixes") or []
    if prefixes:
        rule["tags"] = [f"{each}*" for each in prefixes]
    rules = []
    if state in ("any", "tag_state_unspecified", "tagged"):
        rules.append(rule)
    if state in ("any", "tag_state_unspecified", "untagged") and not prefixes:
        untagged = {**rule, "name": f"{name}-untagged" if rules else name, "untagged": True}
        if action == "drop" and "older_than" not in rule:
            raise _Not("it would delete untagged versions of any age, also what is being pushed: say olderThan")
        rules.append(untagged)
    if not rules:
        raise _Not(f"there is no tagState {state!r}")
    return rules


def _ar_newest(rule: dict[str, Any], newest: Mapping[str, Any], path: str) -> dict[str, Any]:
    count = newest.get("keepCount")
    if rule["action"] != "keep" or not isinstance(count, int) or count < 1:
        raise _Not("mostRecentVersions is for Keep, with a keepCount from 1 on")
    return {**rule, "newest": count, "count": "images", **_ar_repositories(newest, path)}


def _ar_repositories(condition: Mapping[str, Any], path: str) -> dict[str, Any]:
    prefixes = condition.get("packageNamePrefixes") or []
    below = f"{path}/" if path else ""
    globs = [glob for each in prefixes for glob in (f"{below}{each}*", f"{below}{each}*/**")]
    return {"repositories": globs} if globs else {}


def _ar_span(text: str) -> str:
    """`30d`, or seconds as in `2592000s`, as rules write it."""
    found = _AR_TIME.match(text)
    if found is None:
        raise _Not(f"{text[:32]!r} is no duration")
    return f"{found[1]}{found[2] or 's'}"


def _mapping(found: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise Invalid("document", f"{what} is a JSON object")
    return found
