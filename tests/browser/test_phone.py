"""What a phone shows otherwise than a desk."""

from __future__ import annotations

from tests.browser.page import NARROW, Eyes, checked
from tests.browser.stage import Stage

from holdfast.webhooks.forms import SHAPE_WORDS


def test_the_less_usual_filters_are_folded_on_a_phone_alone(eyes: Eyes) -> None:
    form = """<h1>Rows</h1><form class="filters"><div class="field grow"><label for="q">Name</label><input id="q"></div>
    {% call ui.folded(("linux/amd64", "")) %}
    <div class="field short"><label for="p">Platform</label><input id="p"></div>{% endcall %}
    </form>"""
    desk = Stage(eyes).show(form)
    assert desk.get_by_label("Platform").is_visible()
    assert not desk.get_by_text("More filters").is_visible()
    phone = Stage(eyes, width=NARROW).show(form)
    assert not phone.get_by_label("Platform").is_visible()
    assert "linux/amd64" in phone.get_by_text("More filters").inner_text()
    phone.get_by_text("More filters").click()
    phone.get_by_label("Platform").wait_for(state="visible")
    checked(phone)


def test_what_can_be_done_with_rows_comes_on_a_phone_when_one_is_picked(eyes: Eyes) -> None:
    rows = """<h1>Rows</h1><form class="picking"><div class="table">
    <div class="selection"><button type="button">Delete them</button></div><table><tbody><tr>
    <td class="pick"><input type="checkbox" name="pick" aria-label="Select one"></td><td>one</td></tr></tbody></table>
    </div></form>"""
    phone = Stage(eyes, width=NARROW).show(rows)
    assert not phone.get_by_text("Delete them").is_visible()
    phone.get_by_label("Select one").check()
    phone.get_by_text("Delete them").wait_for(state="visible")
    assert Stage(eyes).show(rows).get_by_text("Delete them").is_visible()


def test_a_change_of_a_tag_takes_three_lines(eyes: Eyes) -> None:
    digest = '<span class="digest"><a class="mono" href="/">sha256:29f034babd2c</a></span>'
    rows = f"""<h1>Rows</h1><div class="table moves"><table><tbody><tr>
    <th scope="row" class="whole"><a href="/">12 min ago</a></th>
    <td class="tag-of"><a class="name" href="/"><bdi class="clip tag-clip">{"v" * 90}</bdi></a>
    <a class="sub" href="/"><bdi class="clip tag-clip">{"team/" * 30}app</bdi></a></td>
    <td class="what"><span class="badge">Created</span></td>
    <td class="both"><span class="from-to">{digest}<svg class="icon to" aria-hidden="true"></svg>{digest}</span>
    <a class="compare" href="/">Compare</a></td>
    <td data-name="By" class="by">admin</td>
    <td class="end"><a class="button plain small" href="/" aria-label="Undo"><svg class="icon" aria-hidden="true"></svg>
    <span class="word">Undo</span></a></td></tr></tbody></table></div>"""
    phone = Stage(eyes, width=NARROW).show(rows)
    boxes = [
        box
        for each in (".name", ".what", "th", ".from-to", ".by", ".sub", ".compare", ".end")
        if (box := phone.locator(f".moves {each}").bounding_box()) is not None
    ]
    assert len(boxes) == 8
    lines: list[float] = []
    for middle in sorted(box["y"] + box["height"] / 2 for box in boxes):
        if not lines or middle - lines[-1] > 12:
            lines.append(middle)
    assert len(lines) == 3, boxes
    checked(phone)


def test_no_choice_of_the_shape_of_webhooks_is_wider_than_a_phone(eyes: Eyes) -> None:
    options = "".join(f"<option>{text}</option>" for text in SHAPE_WORDS.values())
    phone = Stage(eyes, width=NARROW).show(
        f"""<h1>Form</h1><label for="wide">All</label><p><select id="wide">{options}</select></p>"""
    )
    natural = phone.evaluate(
        "() => Math.max(...[...document.querySelectorAll('#wide option')].map((each) => {"
        " const canvas = document.createElement('canvas').getContext('2d');"
        " canvas.font = getComputedStyle(document.getElementById('wide')).font;"
        " return canvas.measureText(each.textContent).width; }))"
    )
    assert natural < NARROW - 2 * 32 - 40, "within the card, beside the arrow"
