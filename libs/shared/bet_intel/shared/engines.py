"""What the composition root hands to every service: the engines behind the ports, clocks, and the metrics registry."""

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from bet_intel.shared.cache import Cache
from bet_intel.shared.message_metrics import MessageMetrics
from bet_intel.shared.messaging import EventBus
from bet_intel.shared.postgres import PoolMetrics
from bet_intel.shared.rate_limits import RateLimits
from bet_intel.shared.service_metrics import Hops, OutboxMetrics
from bet_intel.shared.tasks import TaskQueues
from bet_intel.shared.ticker import TickerMetrics
from bet_intel.shared.times import Clock, Monotonic
from bet_intel.shared.wake import InProcessWake, Wake


@dataclass(frozen=True, slots=True)
class Engines:
    bus: EventBus
    tasks: TaskQueues
    cache: Cache
    registry: CollectorRegistry
    clock: Clock
    monotonic: Monotonic
    wake: Wake = field(default_factory=InProcessWake)
    limits: RateLimits | None = None
    """Rate limits that processes share; each process counts for itself where there are none."""
    counted: MessageMetrics | None = None
    """Where the bus counts what becomes of messages, if it does."""
    messages: MessageMetrics = field(init=False)
    pools: PoolMetrics = field(init=False)
    tickers: TickerMetrics = field(init=False)
    outboxes: OutboxMetrics = field(init=False)
    hops: Hops = field(init=False)

    def __post_init__(self) -> None:
        # One registry knows a metric once, however many databases the services of a process have.
        object.__setattr__(self, "messages", self.counted or MessageMetrics(self.registry))
        object.__setattr__(self, "pools", PoolMetrics(self.registry))
        object.__setattr__(self, "tickers", TickerMetrics(self.registry))
        object.__setattr__(self, "outboxes", OutboxMetrics(self.registry))
        object.__setattr__(self, "hops", Hops(self.registry, self.clock))
