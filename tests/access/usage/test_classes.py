"""Classes of subjects: what is declared comes first, then the name of the agent, then the account."""

from __future__ import annotations

import pytest

from holdfast.access.usage.classes import Declared, SubjectClass, class_of

DECLARED = (
    Declared("robot:security+*", SubjectClass.SCANNER),
    Declared("agent:copier*", SubjectClass.MIRROR),
    Declared("agent:trivy", SubjectClass.ROBOT),
)


@pytest.mark.parametrize(
    ("subject", "agent", "declared", "what"),
    [
        ("user:alice", "docker", (), SubjectClass.PERSON),
        ("robot:team+ci", "containerd", (), SubjectClass.ROBOT),
        ("anonymous", "containerd", (), SubjectClass.ANONYMOUS),
        ("various", "", (), SubjectClass.ANONYMOUS),
        ("user:alice", "trivy", (), SubjectClass.SCANNER),
        ("anonymous", "Trivy", (), SubjectClass.SCANNER),
        ("robot:team+ci", "harbor-scanner-trivy", (), SubjectClass.SCANNER),
        ("robot:team+ci", "regclient/regsync", (), SubjectClass.MIRROR),
        ("robot:team+ci", "regclient/regctl", (), SubjectClass.ROBOT),
        ("robot:team+ci", "Artifactory", (), SubjectClass.MIRROR),
        ("user:alice", "skopeo", (), SubjectClass.PERSON),
        ("robot:security+nightly", "python-requests", DECLARED, SubjectClass.SCANNER),
        ("robot:other+nightly", "Copier-2", DECLARED, SubjectClass.MIRROR),
        ("robot:team+ci", "trivy", DECLARED, SubjectClass.ROBOT),
    ],
)
def test_classes(subject: str, agent: str, declared: tuple[Declared, ...], what: SubjectClass) -> None:
    assert class_of(subject, agent, declared) is what


def test_what_runs_images() -> None:
    assert [each.word for each in SubjectClass if each.runs] == ["person", "robot", "anonymous"]
