"""Removes one check of rights after another from a copy of the program, and asks the tests whether they notice.

    python -m tests.security.mutations [--only TEXT] [--list] [--jobs N] [--notes FILE]

First the authorisation matrix and the tests of the rooms run once against a copy in which every check notes that it
refused (mutation/checks.py): so it is known which tests each check decides. Then each check is taken out, and the
tests in which it refused are run until one fails: rows of the matrix first, then the fastest. A check that nobody
misses is printed, and the program ends with 1 unless mutation/explained.py says which other one refuses as well. It
takes some minutes once, kept in `--notes` where one is named, and some seconds a check: a quarter of an hour in all.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.pairs import VARIABLE, Pair
from tests.security.mutation.checks import ROOT, Check, copied
from tests.security.mutation.explained import EXPLAINED

MATRIX = ("tests/security/test_matrix.py", "tests/security/test_matrix_management.py")
TESTS = (
    *MATRIX,
    *(f"tests/security/test_{name}.py" for name in ("revocation", "revocation_access", "recreated", "upload_ids")),
    "tests/security/test_stale_management.py",
    *(f"tests/security/test_{name}.py" for name in ("tokens", "federation", "signin_sessions", "signin_recheck")),
    *("tests/access", "tests/registry", "tests/retention", "tests/api", "tests/management", "tests/distribution"),
)
"""Where it is noted what refuses. What runs on both databases runs on the embedded one here, which is enough."""
SLOW = (
    "registry/compaction",
    "registry/rotation",
    "registry/verify",
    "access/test_keyring.py",
    "access/accounts/test_login.py",
)
"""What of it takes long and shows nothing that the rest does not."""
_SECONDS = 300
_FEW = 12


class Noted(NamedTuple):
    """A test that passed with all checks in place, and the checks that refused in it."""

    test: str
    seconds: float
    checks: frozenset[int]


class Trial:
    """A copy of the program, and runs of pytest against it."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._path = place / "copy"
        self.checks = copied(self._path)

    def noted(self) -> list[Noted]:
        """Run TESTS with all checks in place; what fails is printed, and left out. Raises `SystemExit` if none runs."""
        report = self._place / "report"
        facts = {"HOLDFAST_NOTES": str(self._place / "notes"), "HOLDFAST_REPORT": str(report)}
        slow = [f"--ignore=tests/{path}" for path in SLOW]
        status, said = self._pytest((*TESTS, *slow), facts, None)
        if status not in (0, 1) or not report.exists():
            raise SystemExit(said)
        if status:
            print(f"these tests fail with all checks in place, and are left out:\n{said}", flush=True)
        lines = [json.loads(line) for line in report.read_text().splitlines()]
        return [Noted(line["test"], line["seconds"], frozenset(line["checks"])) for line in lines]

    def noticed_by(self, check: Check, tests: Sequence[str]) -> str | None:
        """The first of `tests` that fails without the check, None when all pass."""
        for some in (tests[:_FEW], tests[_FEW:]):
            if not some:
                continue
            with tempfile.NamedTemporaryFile("w", dir=self._place, suffix=".json") as listed:
                json.dump(some, listed)
                listed.flush()
                facts = {"HOLDFAST_WITHOUT": str(check.number), "HOLDFAST_TESTS": listed.name}
                files = dict.fromkeys(test.partition("::")[0] for test in some)
                status, said = self._pytest(("-x", *files), facts, _SECONDS)
            if status is None:
                return f"{some[0]} or a later one (it hung)"
            if status == 1:
                failed = [line.split(" - ")[0] for line in said.splitlines() if line.startswith(("FAILED ", "ERROR "))]
                return failed[0].partition(" ")[2] if failed else some[0]
            if status != 0:
                raise SystemExit(said)
        return None

    def _pytest(self, asked: Sequence[str], facts: Mapping[str, str], seconds: float | None) -> tuple[int | None, str]:
        plugins = ("-p", "no:cacheprovider", "-p", "tests.security.mutation.noting")
        command = [sys.executable, "-m", "pytest", "-q", *plugins]
        environment = {**os.environ, "PYTHONPATH": str(self._path), VARIABLE: Pair.EMBEDDED, **facts}
        process = subprocess.Popen(
            [*command, *asked], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # it ends its servers
            try:
                process.communicate(timeout=_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            return None, ""
        return process.returncode, said[-4000:]


def kept(trial: Trial, file: Path | None) -> list[Noted]:
    """What was noted: as it stands in `file` if that is of the same checks, else noted now, and kept there."""
    names = [check.name for check in trial.checks]
    if file is not None and file.exists():
        found = json.loads(file.read_text())
        if found["checks"] == names:
            return [Noted(test, seconds, frozenset(numbers)) for test, seconds, numbers in found["tests"]]
    notes = trial.noted()
    if file is not None:
        tests = [(each.test, each.seconds, sorted(each.checks)) for each in notes]
        file.write_text(json.dumps({"checks": names, "tests": tests}))
    return notes


def deciding(check: Check, notes: Sequence[Noted]) -> list[str]:
    """The tests in which the check refused, those first that are likely to notice and quick."""
    found = [each for each in notes if check.number in each.checks]
    return [each.test for each in sorted(found, key=lambda each: (not each.test.startswith(MATRIX), each.seconds))]


def tried(trial: Trial, check: Check, notes: Sequence[Noted]) -> str:
    """Take one check out, and say on one line who noticed; returns in a word what came of it."""
    tests = deciding(check, notes)
    noticed = trial.noticed_by(check, tests)
    why = EXPLAINED.get(check.name)
    outcome = noticed or why or f"NOBODY NOTICED, of {len(tests)} tests"
    print(f"{check.place}: {check.said[:100]}: {outcome}", flush=True)
    if noticed is None:
        return "explained" if why else "missed by nobody"
    return "noticed by a row of the matrix" if noticed.startswith(MATRIX) else "noticed by another test"


def main() -> int:
    """Run all, or those whose place or text holds `--only`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--notes", type=Path, help="keep in this file what was noted, for another run")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-mutants-") as place:
        trial = Trial(Path(place))
        chosen = [check for check in trial.checks if asked.only in f"{check.place} {check.said}"]
        if asked.list:
            print("\n".join(f"{check.place}: {check.said}" for check in chosen))
            return 0
        notes = kept(trial, asked.notes)
        with ThreadPoolExecutor(asked.jobs) as pool:
            outcomes = Counter(pool.map(lambda check: tried(trial, check, notes), chosen))
    print(f"{len(chosen)} checks were removed, one at a time:")
    for outcome, count in sorted(outcomes.items()):
        print(f"  {count} {outcome}")
    unknown = EXPLAINED.keys() - {check.name for check in trial.checks}
    for name in sorted(unknown):
        print(f"explained, but not there: {name}")
    return 1 if unknown or "missed by nobody" in outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
