"""The rows of several tags or repositories at once, and of lists as files: who asked alone starts the one and reads
the other."""

from __future__ import annotations

from tests.security.matrix.operation import Operation

OF_SEVERAL: tuple[Operation, ...] = (
    Operation(
        "plan_tag_change",
        "POST",
        "changes/tags",
        "pull team",
        {"kind": "promote", "repository": "team/app", "tags": ["dev-1"], "target": "team/copy"},
        201,
        404,
        "list or pull team",
    ),
    Operation(
        "plan_tag_change",
        "POST",
        "changes/tags",
        "pull other",
        {"kind": "promote", "repository": "other/app", "tags": ["dev-1"], "target": "team/copy"},
        201,
        404,
        "list or pull other",
    ),
    Operation(
        "plan_repository_change",
        "POST",
        "changes/repositories",
        "list or pull team",
        {"kind": "private", "repositories": ["team/app"]},
        201,
        404,
    ),
    Operation("list_changes", "GET", "changes", "signed in"),
    Operation("list_changes", "GET", "changes?path=team/app&state=ended", "signed in"),
    Operation("show_change", "GET", "changes/{change}", "operator", refused=404),
    Operation("show_change", "GET", "changes/999999999", "signed in", done=404),
    Operation("list_change_items", "GET", "changes/{change}/items", "operator", refused=404),
    Operation("start_change", "POST", "changes/{change}/start", "nobody", None, 202, 404, "operator"),
    Operation("undo_change", "POST", "changes/{change}/undo", "nobody", None, 202, 404, "operator"),
    Operation("export_list", "POST", "exports", "signed in", {"list": "tags", "path": "team/app"}, 202),
    Operation("show_export", "GET", "exports/{export}", "nobody", refused=404),
    Operation("read_export", "GET", "exports/{export}/file", "nobody", refused=404),
)
