"""What is known of the issuers that most machines have: where they are, which claims cannot be taken over by somebody
else, and which tokens speak for a pull request.

A name can be given up and registered by another, an id cannot: so a rule over a preset's issuer names an id, exactly.
A pull request runs what somebody proposes, before anybody agreed to it: its token reads, and never pushes, whatever the
rule and the robot say. Where a token of such an issuer does not tell, it counts as a pull request's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from holdfast.access.errors import Invalid
from holdfast.access.federation.claims import OWN
from holdfast.access.policy.decide import Bound
from holdfast.access.policy.model import Action

REVIEW = OWN + "review"
"""The claim that every machine's credential has: `true` when its token speaks for a pull request."""
_READING = (Bound(frozenset({Action.PULL, Action.LIST}), "**"),)
_MERGE_REQUESTS = frozenset({"merge_request_event", "external_pull_request_event"})
_INHERITED = frozenset({"parent_pipeline", "pipeline"})


class Preset(NamedTuple):
    """What is known of one kind of issuer.

    `iss`: the public one, '' where each customer has one. `ids`: a rule names, exactly, every claim of one of these
    sets. `told`: whether a token tells that it is not a pull request's; None: the issuer knows none. `hint`: where the
    ids are found.
    """

    name: str
    iss: str
    ids: tuple[tuple[str, ...], ...]
    told: Callable[[Mapping[str, str]], bool] | None
    hint: str


def _github_told(flat: Mapping[str, str]) -> bool:
    return bool(flat.get("event_name")) and bool(flat.get("ref"))


def _gitlab_told(flat: Mapping[str, str]) -> bool:
    source = flat.get("pipeline_source", "")
    if source in _INHERITED:  # started by another pipeline, which may be a merge request's
        return flat.get("ref_protected") == "true"
    return bool(source)


PRESETS: Mapping[str, Preset] = {
    each.name: each
    for each in (
        Preset(
            "github",
            "https://token.actions.githubusercontent.com",
            (("repository_id",), ("repository_owner_id",)),
            _github_told,
            "`gh api repos/OWNER/NAME --jq .id` prints the repository's id, `gh api users/OWNER --jq .id` the owner's",
        ),
        Preset(
            "gitlab",
            "https://gitlab.com",
            (("project_id",), ("namespace_id",)),
            _gitlab_told,
            "the id of a project or group stands on its page",
        ),
        Preset(
            "google",
            "https://accounts.google.com",
            (("sub",),),
            None,
            "`gcloud iam service-accounts describe NAME --format 'value(uniqueId)'` prints it",
        ),
        Preset(
            "azure",
            "",
            (("oid",),),
            None,
            "`az identity show --query principalId` or `az ad sp show --query id` prints it",
        ),
        Preset(
            "aws",
            "",
            (("sub", "https://sts.amazonaws.com//aws_account"),),
            None,
            "`sub` is the ARN of the role, the account is its number: AWS has no other id of a role in its tokens",
        ),
        Preset(
            "kubernetes",
            "",
            (("kubernetes.io/serviceaccount/uid",),),
            None,
            "`kubectl get serviceaccount NAME -n NAMESPACE -o jsonpath={.metadata.uid}` prints it",
        ),
    )
}


def preset_of(name: str | None, iss: str) -> str | None:
    """The preset to use for an issuer: the one asked for, or that of the issuer itself. Raises `Invalid`."""
    own = next((each.name for each in PRESETS.values() if each.iss and each.iss == iss), None)
    if name is None:
        return own
    if name not in PRESETS:
        raise Invalid("preset", f"the presets are {', '.join(PRESETS)}")
    if own is not None and own != name:
        raise Invalid("preset", f"{iss} is {own}")
    return name


def check_ids(preset: str | None, claims: Mapping[str, str]) -> None:
    """Raise `Invalid` unless the rule names, exactly, what cannot be taken over by somebody else."""
    known = PRESETS.get(preset or "")
    if known is None:
        return
    exact = {name for name, wanted in claims.items() if "*" not in wanted}
    if not any(exact >= set(names) for names in known.ids):
        needed = " or ".join(" and ".join(names) for names in known.ids)
        raise Invalid(
            "claims",
            f"a rule for {known.name} names {needed}, without a wildcard: an id stays with its owner, a name may be "
            f"registered by somebody else once it is free; {known.hint}",
        )


def is_review(preset: str | None, flat: Mapping[str, str]) -> bool:
    """Whether a token speaks for a pull request, as its claims say, whoever issued it."""
    if flat.get("event_name", "").startswith("pull_request") or flat.get("ref", "").startswith("refs/pull/"):
        return True
    if flat.get("head_ref") or flat.get("pipeline_source") in _MERGE_REQUESTS:
        return True
    if flat.get("ref_path", "").startswith("refs/merge-requests/"):
        return True
    known = PRESETS.get(preset or "")
    return known is not None and known.told is not None and not known.told(flat)


def bounds_of(claims: Mapping[str, str]) -> tuple[Bound, ...] | None:
    """What bounds a machine's credential with these claims beside the rights of its robot: a pull request's reads.

    One that does not say so either way (`REVIEW`) was not made by this program, and reads too.
    """
    return None if claims.get(REVIEW) == "false" else _READING
