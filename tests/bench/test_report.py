"""Ratios, targets, tables and the picture, from results made by hand."""

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from bench.figures import Absent, Figures
from bench.lifecycle import Start
from bench.limits import Limit, parse_speed
from bench.picture import Bar, draw, ticks
from bench.processes import Memory
from bench.report import markdown, number, table
from bench.results import Contestant, Metric, Results, Versus
from bench.server import Kind
from bench.targets import TARGETS, verdicts


def _figures(rate: float, cpu: float, note: str = "") -> Figures:
    return Figures(
        slices=5,
        operations=100,
        rate=rate,
        megabytes=rate / 10,
        p50_ms=1,
        p99_ms=2,
        cpu_us=cpu,
        client_cpu_us=10,
        rss_mib=60,
        pss_mib=50,
        growth_mib=12,
        tail_ms=30,
        note=note,
    )


@pytest.fixture
def results() -> Results:
    return Results(
        machine={"processor": "an example", "cores": "2"},
        settings={"slices": "5 of 1 s"},
        contestants=[
            Contestant("holdfast", Kind.HOLDFAST, "0.1.0"),
            Contestant("registry", Kind.DISTRIBUTION, "3.1.1"),
            Contestant("docker-registry", Kind.DISTRIBUTION, "2.8.2"),
            Contestant("nginx", Kind.STATIC, "1.22.1"),
        ],
        missing={"zot": "a release of zot"},
        limits=[Limit("dd conv=fsync", 1234.5, "MB/s")],
        titles={"manifest-tag": "manifest GET by tag", "referrers": "referrers", "growth-upload": "upload of 1 GiB"},
        rows={
            "manifest-tag": {
                "holdfast": _figures(10_000, 60),
                "registry": _figures(5_000, 240, "remark"),
                "docker-registry": _figures(6_000, 300),
                "nginx": _figures(40_000, 15),
            },
            "referrers": {"holdfast": _figures(9_000, 70), "registry": Absent("answers 404")},
            "growth-upload": {"holdfast": _figures(1, 10)},
        },
        starts={"holdfast": Start(empty=0.7, again=0.4)},
        idle={"holdfast": Memory(90 << 20, 80 << 20)},
    )


def test_ratios_choose_the_peer(results: Results) -> None:
    assert results.peer("manifest-tag", Metric.RATE, Versus.BETTER) == ("docker-registry", 6_000)
    assert results.peer("manifest-tag", Metric.CPU, Versus.BETTER) == ("registry", 240)
    assert results.peer("manifest-tag", Metric.RATE, Versus.DISTRIBUTION) == ("registry", 5_000)
    assert results.peer("manifest-tag", Metric.RATE, Versus.STATIC) == ("nginx", 40_000)
    assert results.peer("manifest-tag", Metric.CPU, Versus.ZOT) is None
    assert results.ratio("manifest-tag", Metric.CPU, Versus.DISTRIBUTION) == 0.25
    assert results.ratio("manifest-tag", Metric.RATE, Versus.STATIC) == 0.25
    assert results.ratio("referrers", Metric.CPU, Versus.BETTER) is None
    assert results.ratio("unknown", Metric.CPU, Versus.BETTER) is None


def test_targets_are_met_missed_or_not_measured(results: Results) -> None:
    found = {verdict.target.title: verdict for verdict in verdicts(results)}
    assert len(found) == len(TARGETS)
    assert found["manifest GET by tag: CPU against distribution"].word == "met"
    assert found["manifest GET by tag: CPU against zot"].word == "not measured"
    assert found["cold start, the slower of first and later"].value == 0.7
    assert found["idle memory of the tree (PSS)"].value == 80
    assert found["memory growth, upload of the largest layer"].word == "met"
    assert found["last byte of the largest layer to answer"].value == 0.03
    results.rows["manifest-tag"]["holdfast"] = _figures(10_000, 121)
    found = {verdict.target.title: verdict for verdict in verdicts(results)}
    assert found["manifest GET by tag: CPU against distribution"].word == "MISSED"


def test_report_says_everything_once(results: Results) -> None:
    text = markdown(results)
    for part in ("holdfast 0.1.0", "zot (a release of zot)", "answers 404", "remark", "1,234 MB/s", "0.70", "80.0"):
        assert part in text
    assert "| 2.00 x |" not in text  # against the better peer: 10,000 to 6,000
    assert "1.67 x" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in lines)


def test_table_is_aligned() -> None:
    text = table(("a", "bb"), [("row", "1"), ("r", "1,000")])
    assert text.splitlines() == ["| a   |    bb |", "| --- | ----: |", "| row |     1 |", "| r   | 1,000 |"]
    assert table(("a",), []) == ""


@pytest.mark.parametrize(("value", "text"), [(0, "0.00"), (1.234, "1.23"), (12.34, "12.3"), (1234.4, "1,234")])
def test_number(value: float, text: str) -> None:
    assert number(value) == text


def test_json_holds_the_whole(results: Results, tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    results.write(file)
    document = json.loads(file.read_text())
    assert document["rows"]["manifest-tag"]["holdfast"]["rate"] == 10_000
    assert document["rows"]["referrers"]["registry"] == {"reason": "answers 404"}
    assert document["contestants"][1] == {"name": "registry", "kind": "distribution", "version": "3.1.1"}
    assert document["idle"]["holdfast"] == {"rss": 90 << 20, "pss": 80 << 20}


def test_picture_is_well_formed_and_inside_its_frame() -> None:
    bars = [Bar("a <b> & 'c'", 0.0004, 1234.0), Bar("equal", 1.0, 1.0), Bar("more", 17.2, 0.047)]
    root = Xml.fromstring(draw(bars, "better < worse"))
    space = "{http://www.w3.org/2000/svg}"
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for rectangle in root.iter(f"{space}rect"):
        left, top = float(rectangle.get("x", "0")), float(rectangle.get("y", "0"))
        assert left >= 0
        assert left + float(rectangle.attrib["width"]) <= width
        assert top + float(rectangle.attrib["height"]) <= height
        assert float(rectangle.attrib["width"]) > 0
    texts = [text.text for text in root.iter(f"{space}text")]
    assert "a <b> & 'c'" in texts
    assert "17x" in texts
    assert root.find(f"{space}title") is not None
    assert root.find(f"{space}desc") is not None


@pytest.mark.parametrize("values", [[], [1.0], [0.03, 3.0], [0.5, 250.0]])
def test_ticks_enclose_the_values_and_one(values: list[float]) -> None:
    found = ticks(values)
    assert found == sorted(found)
    assert 1.0 in found
    assert all(found[0] <= value <= found[-1] for value in values)


def test_openssl_speed() -> None:
    assert parse_speed("+H:1048576\n+F:25:sha256:1811939328.00\n") == 1811939328.0
    assert parse_speed("nothing") == 0.0
