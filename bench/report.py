"""Writes a run's results as Markdown tables that also read well in a terminal."""

from collections.abc import Sequence

from bench.figures import Absent, Figures
from bench.results import Metric, Results, Versus
from bench.targets import verdicts


def markdown(results: Results) -> str:
    """The whole report, one section per question."""
    sections = [
        _heading(results),
        _section("Targets", _targets(results)),
        _section("holdfast against the better peer", _ratios(results)),
        _section("All figures", _all_figures(results)),
        _section("Start and idle memory", _lifecycle(results)),
        _section("Limits of the machine", _limits(results)),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with padded cells; the first column is left-aligned, the others right-aligned."""
    if not rows:
        return ""
    widths = [max(len(row[n]) for row in (header, *rows)) for n in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = [("-" * width) if n == 0 else ("-" * (width - 1) + ":") for n, width in enumerate(widths)]
    return "\n".join([line(header), line(rule), *(line(row) for row in rows)])


def number(value: float) -> str:
    """Three significant figures, thousands separated."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}" if body else ""


def _heading(results: Results) -> str:
    servers = ", ".join(f"{one.name} {one.version}" for one in results.contestants)
    lines = ["# Benchmark results", "", f"Servers: {servers}."]
    lines += [f"Machine: {', '.join(f'{name} {value}' for name, value in results.machine.items())}."]
    lines += [f"Settings: {', '.join(f'{name} {value}' for name, value in results.settings.items())}."]
    lines += [f"Not compared: {name} ({hint})." for name, hint in results.missing.items()]
    return "\n".join(lines)


def _targets(results: Results) -> str:
    rows = []
    for verdict in verdicts(results):
        target = verdict.target
        sign = "<=" if target.at_most else ">="
        value = "-" if verdict.value is None else f"{number(verdict.value)} {target.unit}"
        rows.append((target.title, f"{sign} {target.bound:g} {target.unit}", value, verdict.word))
    return table(("target", "bound", "reached", ""), rows)


def _ratios(results: Results) -> str:
    rows = []
    for name, title in results.titles.items():
        rate = results.ratio(name, Metric.RATE, Versus.BETTER)
        cpu = results.ratio(name, Metric.CPU, Versus.BETTER)
        if rate is None or cpu is None:
            continue
        fastest = results.peer(name, Metric.RATE, Versus.BETTER)
        thriftiest = results.peer(name, Metric.CPU, Versus.BETTER)
        against = [peer[0] for peer in (fastest, thriftiest) if peer is not None]
        rows.append((title, f"{number(rate)} x", against[0], f"{number(cpu)} x", against[-1]))
    return table(("work", "rate", "of", "CPU per operation", "of"), rows)


def _all_figures(results: Results) -> str:
    rows = []
    notes = []
    for name, title in results.titles.items():
        for server, found in results.rows.get(name, {}).items():
            if isinstance(found, Absent):
                notes.append(f"- {title}, {server}: {found.reason}")
                continue
            rows.append((title, server, *_cells(found)))
            if found.note:
                notes.append(f"- {title}, {server}: {found.note}")
    header = (
        "work",
        "server",
        "operations/s",
        "MB/s",
        "p50 ms",
        "p99 ms",
        "server CPU us/op",
        "client CPU us/op",
        "PSS MiB",
        "growth MiB",
        "last byte to answer ms",
    )
    return "\n\n".join(part for part in (table(header, rows), "\n".join(notes)) if part)


def _cells(found: Figures) -> tuple[str, ...]:
    return (
        number(found.rate),
        number(found.megabytes) if found.megabytes >= 0.01 else "-",
        number(found.p50_ms),
        number(found.p99_ms),
        number(found.cpu_us),
        number(found.client_cpu_us),
        number(found.pss_mib),
        number(found.growth_mib) if found.growth_mib else "-",
        number(found.tail_ms) if found.tail_ms else "-",
    )


def _lifecycle(results: Results) -> str:
    rows = []
    for contestant in results.contestants:
        start = results.starts.get(contestant.name)
        memory = results.idle.get(contestant.name)
        if start is None and memory is None:
            continue
        rows.append(
            (
                contestant.name,
                f"{start.empty:.2f}" if start else "-",
                f"{start.again:.2f}" if start else "-",
                number(memory.pss / 2**20) if memory else "-",
                number(memory.rss / 2**20) if memory else "-",
            )
        )
    return table(("server", "first start s", "later start s", "idle PSS MiB", "idle RSS MiB"), rows)


def _limits(results: Results) -> str:
    return table(("limit", "value"), [(one.title, f"{number(one.value)} {one.unit}") for one in results.limits])
