"""When the jobs of webhooks come."""

from __future__ import annotations

from holdfast.jobs.model import Priority
from holdfast.jobs.schedule import Schedule

DELIVER = "webhooks-deliver"
FORGET = "webhooks-forget"
REPLAY = "webhooks-replay"

DELIVERING = Schedule("webhooks-deliver", "* * * * *", DELIVER, standing=True)
FORGETTING = Schedule("webhooks-forget", "*/10 * * * *", FORGET, priority=Priority.LOW)
