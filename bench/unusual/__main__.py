"""`python -m bench.unusual`: how much the detector finds, how often it is wrong, and how fast it is."""

from __future__ import annotations

import argparse
import time

from bench.unusual.evaluate import Outcome, judge, rows_of, run
from holdfast.unusual.detect import observe
from holdfast.unusual.places import Places
from holdfast.unusual.profile import Profile, read, write
from holdfast.unusual.tuning import DEFAULT

TUNED_ON = (1, 2, 3, 4)
REPORTED_ON = tuple(range(101, 111))


def main() -> None:
    """Evaluate, then measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.unusual", description=__doc__)
    parser.add_argument("--tuned", action="store_true", help="the seeds that it was tuned on, instead of the others")
    parser.add_argument("--seeds", type=int, help="only so many of them")
    parser.add_argument("--speed", action="store_true", help="only the speed")
    given = parser.parse_args()
    if not given.speed:
        seeds = (TUNED_ON if given.tuned else REPORTED_ON)[: given.seeds]
        print(table(judge([run(seed) for seed in seeds])))
    print(speed())


def table(outcome: Outcome) -> str:
    """The outcome as a table of Markdown."""
    lines = ["| attack | planted | found | after (median) | at most |", "| --- | --- | --- | --- | --- |"]
    for each in outcome.kinds:
        share = f"{each.found} ({100 * each.found // max(each.planted, 1)} %)"
        lines.append(f"| {each.kind} | {each.planted} | {share} | {_span(each.delay)} | {_span(each.longest)} |")
    kinds = ", ".join(f"{kind} {count}" for kind, count in outcome.by_kind.most_common())
    lines += [
        "",
        f"False alarms: {outcome.false} in {outcome.subject_days:,} subject-days, {outcome.rate:.2f} per 1,000;",
        f"by the kind with the most points: {kinds or 'none'}.",
    ]
    return "\n".join(lines)


def speed(most: int = 200_000) -> str:
    """How many rows a second one core looks at: one by one, and in batches with profiles read and written as bytes."""
    rows = rows_of(7)[:most]
    profiles: dict[str, Profile] = {}
    places = Places()
    began = time.process_time()
    for row in rows:
        profile = profiles.get(row.subject)
        if profile is None:
            profile = profiles[row.subject] = Profile(row.at)
        observe(profile, row, places, DEFAULT)
    alone = len(rows) / (time.process_time() - began)
    kept = {subject: write(profile) for subject, profile in profiles.items()}
    began = time.process_time()
    for first in range(0, len(rows), 100):
        batch = rows[first : first + 100]
        loaded = {subject: read(kept[subject]) for subject in {row.subject for row in batch}}
        for row in batch:
            observe(loaded[row.subject], row, places, DEFAULT)
        kept |= {subject: write(profile) for subject, profile in loaded.items()}
    batched = len(rows) / (time.process_time() - began)
    size = sorted(len(data) for data in kept.values())
    return (
        f"{alone:,.0f} uses/s on one core; {batched:,.0f} in batches of 100 with profiles read and written; "
        f"a profile has {size[len(size) // 2]:,} bytes (median), {size[-1]:,} at most"
    )


def _span(seconds: int) -> str:
    return f"{seconds} s" if seconds < 600 else f"{seconds // 60} min"


if __name__ == "__main__":
    main()
