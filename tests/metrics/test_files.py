"""What comes with the program for Prometheus and Grafana, and the page of the reference: true to a real scrape."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.program import holdfast
from tests.docs.pages import REFERENCE, ROOT, blocks, code, table
from tests.metrics.prometheus import tool
from tests.metrics.scraping import Scrape, declared, scrape, shown
from tests.ports import free_port
from tests.serving import running_server

from holdfast.cli.metrics import DASHBOARD, RULES
from holdfast.telemetry.family import Kind

HOW_TO = ROOT / "docs" / "how-to" / "metrics.md"
ELSEWHERE = "(PostgreSQL)"
"""What the help says of what only that engine has."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scrape]:
    """The page of a server with everything that one machine has, TLS among it."""
    place = tmp_path_factory.mktemp("files")
    holdfast(place, "tls", "init", "127.0.0.1")
    port = free_port()
    tls = ("--tls-cert", str(place / "tls/server.crt"), "--tls-key", str(place / "tls/server.key"))
    with running_server(place, "--open", "--metrics-listen", f"127.0.0.1:{port}", *tls) as server:
        assert server.process is not None
        deadline = 200
        while (found := scrape(port)).of("holdfast_processes") < 2:
            deadline -= 1
            assert deadline
        yield found


def _names(page: Scrape) -> set[str]:
    """What the page has HELP for, as queries call it."""
    return {name + ("_total" if kind == "counter" else "") for name, kind in page.types.items()}


def _asked(expression: str) -> set[str]:
    return set(re.findall(r"\bholdfast_[a-z_]+", expression))


def _is_there(name: str, page: Scrape) -> bool:
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    known = {shown(family): family for family in declared().values()}
    histogram = base in known and known[base].kind is Kind.HISTOGRAM
    found = known.get(base if histogram else name)
    return found is not None and (ELSEWHERE in found.help or shown(found) in _names(page))


def _expressions() -> dict[str, str]:
    """Every query of the dashboard, by panel and letter."""
    found = {}
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", []):
            found[f"{panel['title']} {target['refId']}"] = target["expr"]
    return found


def test_every_query_of_the_dashboard_asks_for_what_is_there(page: Scrape) -> None:
    asked = {name for each in _expressions().values() for name in _asked(each)}
    assert len(asked) > 35
    assert not [name for name in sorted(asked) if not _is_there(name, page)]


def test_every_query_of_the_dashboard_is_one(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": each.replace("$__rate_interval", "1m").replace("$instance", ".*")}
        for number, each in enumerate(_expressions().values())
    ]
    (tmp_path / "rules.json").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    said = _promtool("check", "rules", str(tmp_path / "rules.json"))
    assert f"{len(rules)} rules found" in said


def test_the_dashboard_can_be_imported() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {variable["name"] for variable in dashboard["templating"]["list"]} == {"datasource", "instance"}
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
        for target in panel.get("targets", []):
            assert target["datasource"]["uid"] == "${datasource}"


def test_the_rules_are_good_and_tested(tmp_path: Path) -> None:
    rules = RULES.read_text(encoding="utf-8")
    assert "SUCCESS" in _promtool("check", "rules", str(RULES))
    tests = Path(__file__).with_name("rules_test.yml").read_text(encoding="utf-8")
    (tmp_path / "rules.yml").write_text(rules, encoding="utf-8")
    (tmp_path / "rules_test.yml").write_text(tests, encoding="utf-8")
    assert "SUCCESS" in _promtool("test", "rules", str(tmp_path / "rules_test.yml"))
    assert {*re.findall(r"alertname: (\w+)", tests)} == _alerts(), "each alert is shown to fire"


def test_every_rule_asks_for_what_is_there(page: Scrape) -> None:
    asked = _asked("".join(re.findall(r"expr:(.*?)(?=labels:|for:)", RULES.read_text(encoding="utf-8"), re.DOTALL)))
    assert not [name for name in sorted(asked) if not _is_there(name, page)]


def test_every_alert_is_explained() -> None:
    rows = table(HOW_TO, "alert")
    assert [code(row["alert"])[0] for row in rows] == re.findall(r"alert: (\w+)", RULES.read_text(encoding="utf-8"))
    assert all(row["what to do"] and row["it says"] for row in rows)


def test_the_configurations_of_the_page_are_good(tmp_path: Path) -> None:
    (tmp_path / "holdfast.rules.yml").write_text(RULES.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "holdfast-token").write_text("of the scraper\n")
    texts = [each.text for each in blocks(HOW_TO) if each.language == "yaml"]
    assert len(texts) == 2
    for text in texts:
        (tmp_path / "prometheus.yml").write_text(text.replace("/etc/prometheus/", f"{tmp_path}/"), encoding="utf-8")
        assert "SUCCESS" in _promtool("check", "config", str(tmp_path / "prometheus.yml"))


def test_every_metric_is_documented_as_it_is(page: Scrape) -> None:
    known = {shown(family): family for family in declared().values()}
    rows = {code(row["metric"])[0]: row for row in table(REFERENCE / "metrics.md", "metric")}
    assert set(rows) == set(known)
    for name, family in known.items():
        kind = "gauge" if family.kind is Kind.PEAK else str(family.kind)
        labels = ", ".join(f"`{label.name}`" for label in family.labels) or "none"
        assert (rows[name]["type"], rows[name]["labels"], rows[name]["meaning"]) == (kind, labels, family.help), name
    told = _names(page)
    assert told <= set(rows)
    assert {name for name, family in known.items() if ELSEWHERE not in family.help} - told == set()


def test_the_verbs_print_the_files(tmp_path: Path) -> None:
    assert holdfast(tmp_path, "metrics", "dashboard").stdout == DASHBOARD.read_text(encoding="utf-8")
    assert holdfast(tmp_path, "metrics", "rules").stdout == RULES.read_text(encoding="utf-8")


def _alerts() -> set[str]:
    return {*re.findall(r"alert: (\w+)", RULES.read_text(encoding="utf-8"))}


def _promtool(*words: str) -> str:
    done = subprocess.run([tool("promtool"), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
