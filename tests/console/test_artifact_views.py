"""What the pages of an artifact make of it before they show it: steps, shares, secrets, references, archives, text."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import Any, cast

import pytest

from holdfast.console.artifact import unpacking
from holdfast.console.artifact.about import Place, read_image
from holdfast.console.artifact.comparison_text import markdown
from holdfast.console.artifact.config import environment, pairs, raw
from holdfast.console.artifact.layers import PAGE, base_of, command_of, folds, layer_table
from holdfast.oci.digest import Digest
from holdfast.oci.errors import Invalid
from holdfast.oci.image_config import ImageConfig
from holdfast.oci.name import RepositoryName, Tag
from holdfast.registry.details.looking import MOST_SHARING, Sharing
from holdfast.registry.details.model import (
    Compared,
    ComparedLayer,
    Comparison,
    Difference,
    Image,
    Layer,
    Side,
)

HERE = "team/app"
SOME = Digest.of(b"some")


def layer(number: int, size: int = 100, command: str = "", empty: tuple[str, ...] = ()) -> Layer:
    return Layer(str(Digest.of(str(number).encode())), "application/x-layer", size, command, "", empty)


def image(*layers: Layer) -> Image:
    return Image(SOME, "linux/amd64", None, layers, ())


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("RUN apt-get update && apt-get   install x", "RUN apt-get update &&\n    apt-get install x"),
        ("RUN |2 A=1 B=2 /bin/sh -c make", "RUN make"),
        ("RUN |1 A=x /bin/bash -o pipefail -c make | tee log", "RUN make | tee log"),
        ("COPY --from=build /a /b", "COPY --from=build /a /b"),
        ("RUN a\nb && c", "RUN a\nb && c"),
        ("", ""),
    ],
)
def test_a_step_is_shown_as_it_was_written(written: str, shown: str) -> None:
    assert command_of(written) == shown


def test_long_steps_fold() -> None:
    assert not folds("RUN make")
    assert folds("x" * 200)
    assert folds("a\nb\nc\nd")


def test_layers_before_the_last_command_that_others_follow_are_of_the_base() -> None:
    layers = [layer(1), layer(2, empty=('CMD ["bash"]',)), layer(3, empty=('CMD ["python"]', "ENV A=1")), layer(4)]
    assert base_of(layers) == 2
    assert base_of([layer(1), layer(2)]) == 0
    assert base_of([layer(1, empty=('CMD ["sh"]',))]) == 0, "nothing lies below the first one"


def test_shares_run_up_to_the_whole_and_a_layer_counts_once() -> None:
    one, two = layer(1, 300), layer(2, 100)
    table = layer_table(image(one, two, one), {one.digest: Sharing(MOST_SHARING, 2), two.digest: Sharing(None, 0)}, 0)
    assert table.size == 400
    assert [row.running for row in table.rows] == [75, 100, 100]
    assert [row.again for row in table.rows] == [False, False, True]
    assert table.rows[0].over
    assert table.rows[1].images is None
    assert 'width="75.0"' in table.rows[0].bar


def test_very_many_layers_come_in_pages() -> None:
    layers = [layer(number, 1) for number in range(PAGE + 5)]
    first = layer_table(image(*layers), {}, 0)
    assert len(first.rows) == PAGE
    assert first.next == PAGE
    second = layer_table(image(*layers), {}, PAGE)
    assert [row.number for row in second.rows] == list(range(PAGE + 1, PAGE + 6))
    assert second.rows[-1].running == 100
    assert second.next is None


def test_names_of_secrets_are_known() -> None:
    lines = (
        "DB_PASSWORD=x",
        "API_KEY=x",
        "GITHUB_TOKEN=x",
        "token=x",
        "EMPTY_SECRET=",
        "PATH=/bin",
        "MONKEY=x",
        "GPG_KEY=x",
    )
    found = environment(ImageConfig(env=lines)).shown
    assert [each.name for each in found if each.secret] == ["DB_PASSWORD", "API_KEY", "GITHUB_TOKEN", "token"]


def test_long_lists_are_cut_and_say_so() -> None:
    found = pairs({f"n{number}": "x" for number in range(500)})
    assert len(found.shown) == 200
    assert found.total == 500


def test_a_raw_document_is_set_on_lines_and_bounded() -> None:
    assert raw("t", "m", "d", b'{"a":[1,2]}').text == '{\n  "a": [\n    1,\n    2\n  ]\n}'
    deep = raw("t", "m", "d", b"[" * 200_000)
    assert deep.cut
    assert len(deep.text) == 128 << 10


@pytest.mark.parametrize(
    ("text", "repository", "reference"),
    [
        ("v1", HERE, "v1"),
        (str(SOME), HERE, str(SOME)),
        (f"@{SOME}", HERE, str(SOME)),
        ("other/app:v2", "other/app", "v2"),
        ("host:5000/other/app:v2", "other/app", "v2"),
        ("docker://host:5000/other/app", "other/app", "latest"),
        ("alpine:3.20", "alpine", "3.20"),
        (f" other/app@{SOME} ", "other/app", str(SOME)),
    ],
)
def test_what_people_write_for_an_image(text: str, repository: str, reference: str) -> None:
    assert read_image(text, HERE, "host:5000") == (repository, reference)


@pytest.mark.parametrize("text", ["", "a b", "UPPER/x:1", "@v1", "sha256:12", "x@y@z", "\0"])
def test_what_is_no_image_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_image(text, HERE, "host:5000")


def test_addresses_are_those_of_the_artifact() -> None:
    place = Place(RepositoryName.parse(HERE), Tag.parse("v1"))
    assert place.at(view="raw", platform="") == "/r/team/app/-/tags/v1?view=raw"
    assert place.beside(SOME).at("delete") == f"/r/team/app/-/digests/{SOME}/delete"


def packed(*files: tuple[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, data in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return made.getvalue()


def test_values_are_found_in_a_chart() -> None:
    chart = packed(("app/Chart.yaml", b"name: app"), ("app/values.yaml", b"a: 1\n"), ("app/charts/b/values.yaml", b"b"))
    assert unpacking.values_of(chart) == (unpacking.FOUND, b"a: 1\n")
    assert unpacking.values_of(packed(("app/Chart.yaml", b"x"))) == (unpacking.NONE, b"")


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"\0" * (unpacking.MOST_UNPACKED + 1))
    assert len(bomb) < 1 << 20
    assert unpacking.values_of(bomb) == (unpacking.BEYOND, b"")
    many = packed(*((f"a/{number}", b"") for number in range(unpacking.MOST_ENTRIES + 1)))
    assert unpacking.values_of(many)[0] == unpacking.BEYOND


def test_a_link_gives_no_values() -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        entry = tarfile.TarInfo("app/values.yaml")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    assert unpacking.values_of(made.getvalue()) == (unpacking.NONE, b"")


def comparison(*differences: Difference) -> Comparison:
    side = Compared(HERE, SOME, "linux/amd64", SOME, 1000)
    layers = (ComparedLayer(Side.BOTH, layer(1)), ComparedLayer(Side.B, layer(2, command="RUN a | b `c`\n# x")))
    return Comparison(side, side._replace(size=2024), layers, differences)


def test_a_comparison_is_written_down_and_nothing_in_it_ends_its_cell() -> None:
    hostile = "a | b\n## `c` ``d``"
    text = markdown(
        "host",
        comparison(Difference("label x", None, hostile), Difference("env DB_PASSWORD", "old", "new")),
        ("v1", "v2`"),
    )
    assert "(+1.0 KiB)" in text
    assert "1 in both, 1 not" in text
    assert "old" not in text, "what may be a secret does not travel"
    for line in text.splitlines():
        assert not line.startswith("## ")
        assert line.count("|") - line.count("\\|") in (0, 4, 5)


def test_the_same_is_said_to_be_the_same() -> None:
    same = cast(Any, comparison())._replace(layers=(ComparedLayer(Side.BOTH, layer(1)),))
    assert "**Configuration**: the same" in markdown("host", same, ("a", "b"))
