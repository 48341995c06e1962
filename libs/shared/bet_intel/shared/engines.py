"""What the composition root hands to every service: the engines behind the ports, clocks, and the metrics registry."""

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from bet_intel.shared.cache import Cache
from bet_intel.shared.messaging import EventBus
from bet_intel.shared.tasks import TaskQueues
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
