"""A webhook in the deliverer's hand: what waits for it, and whether its target wants anything now. Pure."""

from __future__ import annotations

from holdfast.webhooks.lanes import Circuit, Lane, Lanes
from holdfast.webhooks.model import Pace
from holdfast.webhooks.receivers import Receiver


class Target:
    """A webhook in hand. `leaving`: nothing more is begun, for it has changed or has nothing to be told; `gone`: it
    wants nothing any more."""

    def __init__(self, receiver: Receiver, pace: Pace) -> None:
        row = receiver.row
        self.receiver = receiver
        self.lanes = Lanes(row.concurrency)
        self.circuit = Circuit(pace, row.failing_since, row.probe_at, row.probes)
        self.paused_until = row.paused_until or 0
        self.leaving = False
        self.gone = False

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, and all that came of it is stored."""
        return not self.lanes.busy

    def next(self, now: int) -> Lane | None:
        """What to send now."""
        if self.leaving or now < self.paused_until:
            return None
        if not self.circuit.is_open:
            return self.lanes.next(now)
        return self.lanes.probe() if now >= self.circuit.probe_at else None

    def due(self, now: int) -> int | None:
        """When to look at it again, if nothing happens before."""
        if self.leaving or self.lanes.under_way >= self.receiver.row.concurrency or not self.lanes.waits:
            return None
        if self.circuit.is_open:
            return None if self.lanes.under_way else max(self.circuit.probe_at, self.paused_until)
        return self.paused_until if now < self.paused_until else self.lanes.due()
