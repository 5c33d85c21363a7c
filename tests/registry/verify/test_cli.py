"""`holdfast verify` as its users meet it: status, text, JSON, progress."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.program import holdfast
from tests.registry.verify.site import Site, large

from holdfast.cli.verify import Lines, describe
from holdfast.registry.verify.model import FINDINGS_KEPT, Damage, Finding, Options, Outcome, Progress


def test_a_clean_directory_is_status_0(site: Site, tmp_path: Path) -> None:
    done = holdfast(tmp_path, "verify", "--data", "data")
    assert done.stdout.endswith("nothing is wrong\n")
    assert "8 tags" in done.stdout
    assert done.stderr == ""


def test_json_is_one_object(site: Site, tmp_path: Path) -> None:
    site.object_of(large).unlink()
    document = json.loads(holdfast(tmp_path, "verify", "--data", "data", "--json", status=1).stdout)
    assert document["clean"] is False
    assert (document["total"], document["left"]) == (1, 1)
    assert document["classes"] == {"object-missing": {"found": 1, "repaired": 0}}
    assert document["checked"]["content"] > 10
    assert document["options"] == {"deep": False, "repair": False, "force": False, "adopt": False}
    assert document["notes"] == []
    finding = document["findings"][0]
    assert sorted(finding) == ["class", "reason", "reference", "repair", "repaired", "repository"]
    assert finding["class"] == "object-missing"
    assert finding["reference"] == large.digest
    document = json.loads(holdfast(tmp_path, "verify", "--data", "data", "--json", "--repair", status=1).stdout)
    assert [(each["class"], each["repaired"]) for each in document["findings"]] == [
        ("object-missing", True),
        ("content-damaged", False),
    ]


def test_text_says_what_and_where_and_what_to_do(site: Site, tmp_path: Path) -> None:
    site.sql("delete from tag_event where name = '2.0'")
    text = holdfast(tmp_path, "verify", "--data", "data", status=1).stdout
    assert "DAMAGE    tag-history  team/app 2.0: it points to sha256:" in text
    assert "-> repair: appends the event that is missing" in text
    assert "1 found, 0 repaired, 1 left\n" in text
    text = holdfast(tmp_path, "verify", "--data", "data", "--repair").stdout
    assert "repaired  tag-history" in text
    assert "1 found, 1 repaired, 0 left\n" in text


@pytest.mark.parametrize("as_json", [False, True])
def test_what_cannot_run_is_status_2(site: Site, tmp_path: Path, as_json: bool) -> None:
    words = ["--json"] if as_json else []
    done = holdfast(tmp_path, "verify", "--data", "nowhere", *words, status=2)
    assert "holdfast: cannot verify: there is no registry in " in done.stderr
    (site.data / "store" / ".holdfast-store").unlink()
    done = holdfast(tmp_path, "verify", "--data", "data", *words, status=2)
    assert "carries no marker" in done.stderr
    if as_json:
        assert json.loads(done.stdout)["clean"] is False


def on_a_terminal(place: Path, *words: str) -> tuple[bytes, bytes]:
    """Run Python with standard error on a terminal; what came on standard output, and what the terminal was sent."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    done = subprocess.run(
        [sys.executable, *words], cwd=place, env=environment, stdout=subprocess.PIPE, stderr=follower, check=True
    )
    os.write(follower, b".")
    shown = os.read(leader, 65536)
    os.close(leader)
    os.close(follower)
    return done.stdout, shown


def test_short_work_shows_nothing_on_a_terminal(site: Site, tmp_path: Path) -> None:
    output, shown = on_a_terminal(tmp_path, "-m", "holdfast", "verify", "--data", "data")
    assert output.endswith(b"nothing is wrong\n")
    assert b"Traceback" not in shown


BAR = """
from holdfast.cli.verify import Bar
from holdfast.registry.verify.model import Progress
bar = Bar(after=0)
for done in range(3):
    bar.show(Progress("tags", done, 10))
bar.close()
"""


def test_long_work_shows_a_bar_on_a_terminal(tmp_path: Path) -> None:
    output, shown = on_a_terminal(tmp_path, "-c", BAR)
    assert output == b""
    assert b"verify: tags 2 of 10" in shown


@pytest.mark.parametrize(
    ("progress", "seconds", "text"),
    [
        (Progress("tags", 0, 10), 3, "tags 0 of 10"),
        (Progress("tags", 250_000, 1_000_000), 5, "tags 250000 of 1000000, 50000/s, 15 s left"),
        (Progress("tags", 12, 10), 4, "tags 12 of 12, 3/s, 0 s left"),
        (Progress("content", 1 << 30, 300 << 30, "B"), 10, "content 1.0 GiB of 300.0 GiB, 102.4 MiB/s, 49 min left"),
        (Progress("content", 1 << 20, 9 << 30, "B"), 1, "content 1.0 MiB of 9.0 GiB, 1.0 MiB/s, 2 h 33 min left"),
        (Progress("content", 512, 1024, "B"), 1, "content 512 B of 1.0 KiB, 512 B/s, 1 s left"),
    ],
    ids=str,
)
def test_progress_in_words(progress: Progress, seconds: float, text: str) -> None:
    assert describe(progress, seconds) == text


def test_long_work_writes_a_line_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    moments = iter([0.0, 1.0, 6.0, 7.0, 12.0])
    lines = Lines(lambda: next(moments))
    for done in (1, 2, 3, 4):
        lines.show(Progress("tags", done, 10))
    assert capsys.readouterr().err == (
        "holdfast: verify: tags 2 of 10, 0/s, 20 s left\nholdfast: verify: tags 4 of 10, 0/s, 16 s left\n"
    )


def test_findings_are_bounded_and_counted() -> None:
    outcome = Outcome(Options())
    for number in range(FINDINGS_KEPT + 5):
        outcome.add(Finding(Damage.LITTER_OBJECT, None, str(number), "a test", repaired=number % 2 == 0))
    assert len(outcome.findings) == FINDINGS_KEPT
    assert outcome.total == FINDINGS_KEPT + 5
    assert outcome.left == (FINDINGS_KEPT + 5) // 2
