"""The rows of the features: what the operations of each are asked, and who may do it, by hand."""

from __future__ import annotations

from tests.security.matrix.operation import Operation

_HOOK = "https://127.0.0.1:1/hook"
_LONG_AGO = "2020-01-01T00:00:00Z"
OF_FEATURES: tuple[Operation, ...] = (
    # unusual access
    Operation("list_alerts", "GET", "unusual/alerts", "signed in"),
    Operation("show_alert", "GET", "unusual/alerts/9999999", "signed in", done=404),
    Operation("acknowledge_alert", "POST", "unusual/alerts/9999999/acknowledge", "signed in", {}, 404),
    Operation("expect_alert", "POST", "unusual/alerts/9999999/expect", "signed in", {}, 404),
    Operation("list_canaries", "GET", "unusual/canaries", "signed in"),
    Operation("add_canary", "POST", "unusual/canaries", "settings team", {"repository": "team/{new}"}, 201),
    Operation("add_canary", "POST", "unusual/canaries", "settings other", {"repository": "other/{new}"}, 201),
    Operation(
        "add_canary", "POST", "unusual/canaries", "manage team", {"owner": "robot:{keyed}", "key": "k"}, 201, 404
    ),
    Operation(
        "remove_canary", "DELETE", "unusual/canaries/{canary}", "settings team", None, 204, 404, sees="audit team"
    ),
    # insights
    Operation("show_insights", "GET", "insights?repository=team/app", "list or pull team", refused=404),
    Operation("show_insights", "GET", "insights?repository=other/app", "list or pull other", refused=404),
    Operation(
        "show_insights",
        "GET",
        "insights?repository=team/app&by=agent",
        "list team",
        refused=404,
        sees="list or pull team",
    ),
    Operation(
        "show_insights",
        "GET",
        "insights?repository=team/app&by=subject",
        "audit team",
        refused=404,
        sees="list or pull team",
    ),
    Operation(
        "show_pullers", "GET", "insights/who?repository=team/app", "audit team", refused=404, sees="list or pull team"
    ),
    Operation(
        "show_pullers",
        "GET",
        "insights/who?repository=other/app&tag=dev-1",
        "audit other",
        refused=404,
        sees="list or pull other",
    ),
    Operation("show_top", "GET", "insights/top?path=team", "signed in"),
    Operation("list_idle", "GET", "insights/idle?path=other", "signed in"),
    Operation("list_showback", "GET", "insights/showback?path=team", "signed in"),
    Operation("tell_inventory", "PUT", "inventories/{new}?path=team", "settings team", {"images": []}),
    Operation("tell_inventory", "PUT", "inventories/{new}?path=other", "settings other", {"images": []}),
    Operation("tell_inventory", "PUT", "inventories/{new}", "administrator", {"images": []}),
    Operation("remove_inventory", "DELETE", "inventories/{source}?path=team", "settings team", None, 204),
    # webhooks
    Operation("list_webhooks", "GET", "webhooks", "signed in"),
    Operation("create_webhook", "POST", "webhooks", "settings team", {"path": "team/{new}", "url": _HOOK}, 201),
    Operation("create_webhook", "POST", "webhooks", "settings other", {"path": "other/{new}", "url": _HOOK}, 201),
    Operation("create_webhook", "POST", "webhooks", "administrator", {"path": "", "url": _HOOK, "name": "{new}"}, 201),
    Operation("show_webhook", "GET", "webhooks/{webhook}", "settings team", refused=404),
    Operation("show_webhook", "GET", "webhooks/{foreign_webhook}", "settings other", refused=404),
    Operation("change_webhook", "PATCH", "webhooks/{webhook}", "settings team", {"tags": ["v*"]}, refused=404),
    Operation("delete_webhook", "DELETE", "webhooks/{webhook}", "settings team", None, 204, 404),
    Operation("rotate_webhook", "POST", "webhooks/{webhook}/rotate", "settings team", {}, refused=404),
    Operation("enable_webhook", "POST", "webhooks/{webhook}/enable", "settings team", refused=404),
    Operation("disable_webhook", "POST", "webhooks/{webhook}/disable", "settings team", refused=404),
    Operation("test_webhook", "POST", "webhooks/{webhook}/test", "settings team", refused=404),
    Operation("list_deliveries", "GET", "webhooks/{webhook}/deliveries", "settings team", refused=404),
    Operation("show_delivery", "GET", "webhooks/{webhook}/deliveries/{tested}", "settings team", refused=404),
    # a test is not told again: 409
    Operation("redeliver", "POST", "webhooks/{webhook}/deliveries/{tested}/redeliver", "settings team", None, 409, 404),
    Operation(
        "redeliver_failed", "POST", "webhooks/{webhook}/redeliver", "settings team", {"since": _LONG_AGO}, refused=404
    ),
    Operation("replay_events", "POST", "webhooks/{webhook}/replay", "settings team", {"after": 0}, 202, 404),
    Operation("replay_events", "POST", "webhooks/{foreign_webhook}/replay", "settings other", {"after": 0}, 202, 404),
)
