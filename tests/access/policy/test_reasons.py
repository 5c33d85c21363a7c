"""What a 403 says: the rules that name the subject, the right that is missing, and nothing of anyone else."""

from __future__ import annotations

from ipaddress import ip_network

from tests.access.policy.place import ALICE, DEVELOPERS, EVERYONE, HERE, NOW, allow, deny, rights

from holdfast.access.policy.decide import NOBODY, Bound, Rights
from holdfast.access.policy.model import Action, Conditions, TimeWindow
from holdfast.access.policy.reasons import NOT_LOGGED_IN, OUT_OF_BOUNDS, STRANGER


def said(held: Rights, action: Action, tag: str | None = "v1") -> str:
    return str(held.tags(action, "team/app", HERE).refuse(tag))


def test_a_stranger_gets_one_sentence() -> None:
    for held in (rights(), rights(allow("owner", "other/**")), rights(deny({Action.PULL}, "team/**", EVERYONE))):
        assert said(held, Action.PULL) == f"'pull' on team/app:v1 is refused: {STRANGER}"
        assert held.refuse(Action.PULL, "team/app", None, HERE).detail == {"action": "pull", "repository": "team/app"}


def test_the_rules_that_name_the_subject_or_its_groups() -> None:
    held = rights(allow("reader", "team/**", DEVELOPERS, id=4), deny({Action.PULL}, "team/**:prod-*", id=5))
    refusal = held.tags(Action.PULL, "team/app", HERE).refuse("prod-1")
    assert str(refusal).endswith("denied by grant 5 (user:alice: deny pull on team/**:prod-*)")
    assert refusal.detail == {
        "action": "pull",
        "repository": "team/app",
        "tag": "prod-1",
        "rules": [
            "grant 4 (group:developers: reader on team/**)",
            "grant 5 (user:alice: deny pull on team/**:prod-*)",
        ],
    }


def test_a_deny_at_some_tags_is_no_reason_where_nothing_is_allowed() -> None:
    denied = deny({Action.DELETE_TAG}, "team/**:prod-*", id=5)
    assert said(rights(denied), Action.DELETE_TAG, None).endswith(STRANGER)
    assert said(rights(denied), Action.DELETE_TAG, "prod-1").endswith("on team/**:prod-*)")
    both = rights(allow("owner", "team/**:prod-1", id=4), denied)
    assert said(both, Action.DELETE_TAG, None).endswith(
        "denied by grant 5 (user:alice: deny delete-tag on team/**:prod-*)"
    )


def test_the_condition_that_failed() -> None:
    networks = Conditions(networks=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))
    held = rights(allow("reader", "team/**", conditions=networks))
    assert said(held, Action.PULL).endswith(
        "the request does not come from 192.0.2.0/24, 2001:db8::/32, as grant 1 (user:alice: reader on team/**) asks"
    )
    night = Conditions(times=(TimeWindow(not_after=NOW),))
    assert "it is not the time" in said(rights(allow("reader", "team/**", conditions=night)), Action.PULL)
    claims = Conditions(claims={"ref": "refs/tags/*"})
    assert "claim 'ref' is not 'refs/tags/*'" in said(
        rights(allow("writer", "team/**", conditions=claims)), Action.SIGN
    )
    assert "has expired" in said(rights(allow("reader", "team/**", expires_at=NOW)), Action.PULL)


def test_a_rule_for_other_tags() -> None:
    held = rights(allow("writer", "team/**:dev-*"))
    assert said(held, Action.PULL).endswith("grant 1 (user:alice: writer on team/**:dev-*) does not reach this tag")
    assert said(held, Action.LIST, None).endswith("does not reach the repository itself")


def test_a_rule_for_everyone_is_not_shown() -> None:
    held = rights(allow("reader", "team/**"), deny({Action.PULL}, "team/a*", EVERYONE))
    refusal = held.refuse(Action.PULL, "team/app", "v1", HERE)
    assert str(refusal).endswith("denied by a rule for everyone")
    assert "team/a*" not in str(refusal.detail)


def test_the_limits_of_a_key() -> None:
    held = Rights("user:alice", [allow("owner", "team/**", ALICE)], {}, (Bound(frozenset({Action.PULL}), "team/**"),))
    assert said(held, Action.SIGN).endswith(OUT_OF_BOUNDS)


def test_the_installation() -> None:
    held = rights(allow("owner", "team/**"), allow("operator", "**", id=9))
    assert STRANGER in str(held.refuse(Action.ADMINISTER, "**", None, HERE))


def test_who_is_nobody_is_told_to_log_in() -> None:
    nobody = Rights(NOBODY, [], {})
    assert str(nobody.refuse(Action.PULL, "team/app")) == f"'pull' on team/app is refused: {NOT_LOGGED_IN}"
