"""What the program itself writes is never damage."""

from __future__ import annotations

import pytest
from tests.registry.verify.site import Site


@pytest.mark.parametrize("options", [{}, {"deep": True}, {"repair": True}, {"deep": True, "repair": True}], ids=str)
def test_a_registry_with_a_bit_of_everything_is_clean(site: Site, options: dict[str, bool]) -> None:
    before = site.value("select count(*) from journal")
    outcome = site.verify(**options)
    assert outcome.findings == []
    assert outcome.notes == []
    assert outcome.checked["tags"] == 8
    assert outcome.checked["manifests"] == 12
    assert outcome.checked["objects"] == 1
    assert outcome.checked["objects in the store"] == 2  # one was pushed twice: its second object is doomed
    assert site.value("select count(*) from journal") == before
