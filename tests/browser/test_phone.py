"""What a phone shows otherwise than a desk."""

from __future__ import annotations

from tests.browser.page import NARROW, Eyes, checked
from tests.browser.stage import Stage


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
