"""What `make test` runs of the places that take long: a real thing of each kind once, for its worth; the rest is slow.

The places of `DEAR` are full of real clients, browsers, proxies and clusters: a minute there says less of an everyday
change than a minute of the rooms' own tests. Of each file of theirs that `CHOSEN` names, the named tests stay quick:
`name[case]` as it is, `name` with its first case (on files, where it runs
on other engines too), `EVERY` whatever is in the file. `VARIANTS` are engines and stores
whose cases are slow everywhere: another engine or store of the same kind stays.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.pairs import VARIABLE, Pair

ROOT = Path(__file__).parent
DEAR = ("browser/", "clients/", "cluster/", "deploy/", "docs/test_sessions.py", "faults/", "moving/")
EVERY = ("*",)
CHOSEN: dict[str, tuple[str, ...]] = {
    "browser/test_page.py": ("test_a_right_page_passes", "test_a_wrong_page_does_not"),
    "browser/test_routes.py": EVERY,
    "browser/test_screenshots.py": EVERY,
    "browser/test_script.py": (
        "test_polling",
        "test_a_dialog_is_the_form_of_another_page",
        "test_a_form_is_sent_once",
    ),
    "browser/test_without_script.py": ("test_a_tag_is_deleted_and_restored", "test_a_key_is_made_and_shown_once"),
    "clients/test_behaviours.py": (
        "test_the_api_version_is_on_every_answer",
        "test_a_blob_that_a_manifest_uses_is_not_deleted",
        "test_an_index_under_the_fallback_tag_adds_nothing_twice",
    ),
    "clients/test_containerd.py": ("test_push_of_an_index", "test_pull_of_every_platform"),
    "clients/test_cosign.py": ("test_sign_and_verify_a_bundle",),
    "clients/test_crane.py": ("test_push_of_a_layout", "test_pull_gives_the_bytes"),
    "clients/test_daemons.py": EVERY,
    "clients/test_docker.py": ("test_push", "test_pull"),
    "clients/test_helm.py": ("test_push_and_pull",),
    "clients/test_install.py": EVERY,
    "clients/test_notation.py": ("test_sign_and_verify",),
    "clients/test_oras.py": ("test_push_and_pull_of_files",),
    "clients/test_podman_family.py": (
        "test_podman_push",
        "test_podman_pull_of_an_index",
        "test_buildah_from_scratch",
    ),
    "clients/test_redirects.py": ("test_a_pull_is_sent_to_the_bucket",),
    "clients/test_regctl.py": ("test_import_of_a_layout", "test_export"),
    "clients/test_skopeo.py": ("test_push", "test_pull"),
    "cluster/test_agreement.py": ("test_a_moved_tag_is_seen_by_every_node_at_once",),
    "cluster/test_chunks.py": (
        "test_every_chunk_goes_to_another_node",
        "test_of_two_equal_chunks_at_two_nodes_exactly_one_is_applied",
        "test_what_was_not_answered_is_sent_again_to_another_node",
    ),
    "cluster/test_read_only.py": ("test_every_node_refuses_and_says_why",),
    "deploy/test_accel.py": ("test_the_whole_layer", "test_ranges"),
    "deploy/test_bundle.py": ("test_a_bundle_beside_a_running_server", "test_planted_secrets_are_absent"),
    "deploy/test_compose.py": EVERY,
    "deploy/test_container.py": ("test_the_containerfile_and_the_script_agree",),
    "deploy/test_doctor_url.py": ("test_the_shipped_files_pass", "test_without_a_proxy"),
    "deploy/test_files.py": EVERY,
    "deploy/test_helm_chart.py": (
        "test_helm_finds_nothing_wrong",
        "test_the_chart_is_of_this_version",
        "test_every_container_is_confined_and_looked_after",
        "test_every_variable_is_a_setting",
        "test_values_that_are_refused",
    ),
    "deploy/test_proxies.py": ("test_a_large_layer_goes_in_and_out",),
    "deploy/test_scale_page.py": ("test_the_picture_can_be_read_in_light_and_dark",),
    "deploy/test_systemd.py": (
        "test_systemd_finds_nothing_wrong",
        "test_the_units_differ_in_their_verb_alone",
        "test_the_shipped_settings_are_settings",
    ),
    "docs/test_sessions.py": (
        "test_sessions_work_as_written[README.md]",
        "test_sessions_work_as_written[docs/how-to/push-and-pull.md]",
        "test_the_docker_session_works_as_written",
        "test_what_the_first_start_prints_is_what_the_readme_shows",
    ),
    "faults/test_bucket_faults.py": (
        "test_every_call_goes_wrong_once",
        "test_a_bucket_that_takes_no_more_is_full",
    ),
    "faults/test_cluster_database.py": ("test_the_connection_is_cut_at_every_message_of_a_push",),
    "faults/test_disk_full.py": ("test_below_the_reserve_pushes_alone_are_refused",),
    "faults/test_failing_call.py": ("test_every_file_call",),
    "faults/test_kill.py": ("test_what_was_acknowledged_survives_kill_9",),
    "faults/test_power_cut.py": ("test_acknowledged_pushes_survive_power_cuts",),
    "faults/test_scrub.py": ("test_what_rots_is_found_and_healed",),
    "faults/test_slow_clients.py": ("test_a_stalled_body_is_given_up", "test_the_refusal_is_400"),
    "moving/test_kill.py": ("test_a_dead_mover_is_named_and_given_up",),
    "moving/test_move.py": ("test_nothing_acknowledged_is_lost", "test_what_would_move_is_said_without_moving"),
    "moving/test_refusals.py": ("test_a_wrong_master_key", "test_a_house_that_is_served"),
}
VARIANTS = frozenset(
    {
        "azure",
        "bucket sealed",
        "files sealed",
        "google",
        "local without O_DIRECT",
        "memory without staging",
        "pgbouncer",
        "sealed over memory",
        "sealed over s3",
        "strict s3",
    }
)

ON_BOTH = ("wire/", "registry/")
"""Where a case on PostgreSQL and a bucket stays beside its like on files: the protocol, and the core."""


def mark_slow(items: Sequence[pytest.Item]) -> None:
    """Mark what `make test` leaves out. Who marks tests himself (`slow`, `walk`) is not asked again."""
    open_ = [item for item in items if not item.get_closest_marker("slow") and not item.get_closest_marker("walk")]
    plainest: dict[tuple[str, str], pytest.Item] = {}
    for item in sorted(open_, key=lambda item: "embedded" not in item.name):
        plainest.setdefault(_name(item), item)
    for item in open_:
        path, name = _name(item)
        if path.startswith(DEAR):
            chosen = CHOSEN.get(path, ())
            first = name in chosen and plainest[path, name] is item
            quick = chosen == EVERY or item.name in chosen or first
        else:
            case = item.name.removeprefix(name).strip("[]")
            elsewhere = Pair.SEALED_CLUSTER in case and VARIABLE not in os.environ and not path.startswith(ON_BOTH)
            quick = VARIANTS.isdisjoint(case.split("-")) and not elsewhere
        if not quick:
            item.add_marker(pytest.mark.slow)


def _name(item: pytest.Item) -> tuple[str, str]:
    """Its file below the tests, and its name without the case."""
    return item.path.relative_to(ROOT).as_posix(), item.name.partition("[")[0]
