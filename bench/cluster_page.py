"""The run of `bench.cluster` as a page: the table, the limits, the curve, and what was promised as ratios."""

import time
from collections.abc import Sequence

from bench.figures import Figures
from bench.limits import Limit
from bench.workload import Workload

PUT, GET = "the library alone, put of 256 MiB", "the library alone, get of 256 MiB"
PLAIN = "a file of 256 MiB in chunks of 1 MiB"
CIPHER = "the same with AES-256-GCM in frames of 64 KiB"


def page(
    titles: Sequence[str],
    rows: dict[str, Workload],
    table: dict[str, list[Figures]],
    bounds: Sequence[Limit],
    grown: Sequence[tuple[int, Figures]],
    started: dict[str, float],
    count: int,
) -> str:
    """The run as Markdown; `titles` are those of the columns, `rows` the workloads by name."""
    lines = [
        "# Cluster against embedded: one run",
        "",
        f"Two cores shared by servers and clients; {time.strftime('%F')}.",
    ]
    lines += ["", "| workload | " + " | ".join(titles) + " |", "| --- |" + " ---: |" * len(titles)]
    for name, found in table.items():
        large = name.endswith("256m") or "256m" in name
        cells = [
            f"{one.megabytes:,.0f} MB/s, {one.cpu_us / 1e3:,.0f} ms CPU"
            + (f", +{one.growth_mib:.0f} MiB" if one.growth_mib else "")
            if large
            else f"{one.rate:,.0f}/s, {one.cpu_us:,.0f} us CPU"
            for one in found
        ]
        lines.append(f"| {rows[name].title}, {rows[name].clients} clients | " + " | ".join(cells) + " |")
    lines += [
        "",
        "| limit | |",
        "| --- | ---: |",
        *(f"| {one.title} | {one.value:,.0f} {one.unit} |" for one in bounds),
    ]
    lines += [
        "",
        "Manifest GET by tag on PostgreSQL, eight clients, by processes:",
        "",
        "| processes | rate | CPU of holdfast |",
    ]
    lines += ["| ---: | ---: | ---: |", *(f"| {n} | {one.rate:,.0f}/s | {one.cpu_us:,.0f} us |" for n, one in grown)]
    lines += ["", f"A start with {count:,} repositories, to the first answer: "]
    lines[-1] += ", ".join(f"{title} {seconds:.2f} s" for title, seconds in started.items()) + "."
    lines += ["", *_ratios(table, bounds, grown)]
    return "\n".join(lines) + "\n"


def _ratios(
    table: dict[str, list[Figures]], bounds: Sequence[Limit], grown: Sequence[tuple[int, Figures]]
) -> list[str]:
    """What was promised, as ratios of this run."""
    embedded, sealed, cluster, both = range(4)
    get, push, pull = table["manifest-tag"], table["push-256m-put"], table["blob-256m"]
    values = {limit.title: limit.value for limit in bounds}
    put_limit, get_limit = values[PUT], values[GET]
    # What a pull in clear takes, and the cipher beside it.
    beside = 1 / pull[embedded].megabytes + 1 / values[CIPHER] - 1 / values[PLAIN]
    return [
        "| promise | this run |",
        "| --- | ---: |",
        f"| manifest GET on PostgreSQL, of SQLite's rate (1/3) | {get[cluster].rate / get[embedded].rate:.2f} |",
        f"| push of 256 MiB to S3, of the library alone (0.8) | {push[cluster].megabytes / put_limit:.2f} |",
        f"| memory of such a push (48 MiB) | {push[cluster].growth_mib:.0f} MiB |",
        f"| pull of 256 MiB by streaming, of the library alone (0.8) | {pull[cluster].megabytes / get_limit:.2f} |",
        f"| encryption, push through the bucket (0.85) | {push[both].megabytes / push[cluster].megabytes:.2f} |",
        f"| encryption, pull through the bucket (0.85) | {pull[both].megabytes / pull[cluster].megabytes:.2f} |",
        f"| encryption, pull from files, of the time of a clear one and the cipher alone (1.3) "
        f"| {1 / pull[sealed].megabytes / beside:.2f} |",
        f"| encryption, manifest GET (1) | {get[sealed].rate / get[embedded].rate:.2f} |",
        f"| {grown[-1][0]} processes, of one | {grown[-1][1].rate / grown[0][1].rate:.2f} |",
    ]
