"""Every drill, in the order in which they are explained in docs/architecture/faults.md."""

from drills.drill import Bound, Fault
from drills.faults import (
    broker,
    clock,
    disk,
    gateway,
    notifier,
    partition,
    poison,
    primary,
    redis,
    replica,
    rolling,
    services,
    slow,
)

UNDISTURBED = Fault("undisturbed", "nothing (what the others are held against)", Bound())
FAULTS: tuple[Fault, ...] = (
    *gateway.FAULTS,
    *replica.FAULTS,
    *primary.FAULTS,
    *redis.FAULTS,
    *broker.FAULTS,
    *services.FAULTS,
    *notifier.FAULTS,
    *poison.FAULTS,
    *slow.FAULTS,
    *disk.FAULTS,
    *partition.FAULTS,
    *rolling.FAULTS,
    *clock.FAULTS,
)
