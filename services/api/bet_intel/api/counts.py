"""How many opportunities are open, as a metric of the process that leads."""

from prometheus_client import CollectorRegistry, Gauge

from bet_intel.api import read_model
from bet_intel.shared.postgres import Database
from bet_intel.shared.ticker import periodically

_EVERY_SECONDS = 15.0
_CLASSES = ("take", "marginal", "suspect")


class OpenOpportunities:
    """A duty of the service's ticker: one process counts, the others show nothing."""

    def __init__(self, database: Database, registry: CollectorRegistry) -> None:
        self._database = database
        self._open = Gauge(
            "bet_intel_api_open_opportunities",
            "Opportunities that are open, by class; of the process that leads alone.",
            ("class",),
            registry=registry,
        )

    async def run(self) -> None:
        """Count until cancelled; then show nothing."""
        try:
            await periodically(_EVERY_SECONDS, "counting opportunities", self.look)()
        finally:
            self._open.clear()

    async def look(self) -> None:
        async with self._database.snapshot() as connection:
            counted = await read_model.open_by_class(connection)
        for each in _CLASSES:
            self._open.labels(each).set(counted.get(each, 0))
