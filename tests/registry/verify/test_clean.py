"""What the program itself writes is never damage."""

from __future__ import annotations

import pytest
from tests.registry.verify.site import APP, Site, config_of, image, new, small

from holdfast.registry.errors import ManifestUnknown


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


def test_a_deleted_manifest_that_comes_again_as_a_blob_is_no_manifest(site: Site) -> None:
    manifest, config = image("again", small, subject=new), config_of("again")
    site.push(APP, manifest, blobs=[config])
    site.delete_manifest(APP, manifest)
    site.delete_blob(APP, config)
    site.upload(APP, manifest)
    assert site.blob(APP, manifest.digest) == manifest.data
    with pytest.raises(ManifestUnknown):
        site.pull(APP, manifest.digest)
    assert manifest.digest not in site.referrers(APP, new)
    assert site.classes() == []

    site.push(APP, manifest, blobs=[config])
    assert site.whole(APP, manifest.digest)
    assert manifest.digest in site.referrers(APP, new)
    assert site.classes() == []
