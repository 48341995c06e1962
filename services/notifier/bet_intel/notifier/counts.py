"""How many deliveries are in which state, as a metric of the process that leads."""

from prometheus_client import CollectorRegistry, Gauge

from bet_intel.notifier.delivery_store import by_state
from bet_intel.shared.postgres import Database
from bet_intel.shared.ticker import periodically

_EVERY_SECONDS = 30.0
_STATES = ("pending", "delivered", "failed", "skipped")


class DeliveriesByState:
    """A duty of the service's ticker: one process counts, the others show nothing."""

    def __init__(self, database: Database, registry: CollectorRegistry) -> None:
        self._database = database
        self._deliveries = Gauge(
            "bet_intel_notifier_deliveries",
            "Deliveries of the last hour by state; of the process that leads alone.",
            ("state",),
            registry=registry,
        )

    async def run(self) -> None:
        """Count until cancelled; then show nothing."""
        try:
            await periodically(_EVERY_SECONDS, "counting deliveries", self.look)()
        finally:
            self._deliveries.clear()

    async def look(self) -> None:
        async with self._database.snapshot() as connection:
            counted = await by_state(connection)
        for each in _STATES:
            self._deliveries.labels(each).set(counted.get(each, 0))
