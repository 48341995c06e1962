"""RabbitMQ loses a queue's leader, or its majority: what was confirmed is there, the rest waits in the outboxes."""

from bet_intel.compose.cluster.engines import VHOST
from drills.drill import Bound, Fault
from drills.stage import Stage

_QUEUE = "ev-engine.odds-changed"


def _kill_leader(stage: Stage) -> None:
    rabbitmq = stage.engines.rabbitmq
    rabbitmq.kill(rabbitmq.leader(VHOST, _QUEUE))


def _kill_majority(stage: Stage) -> None:
    stage.hold_supervisor()
    rabbitmq = stage.engines.rabbitmq
    for node in rabbitmq.nodes[:2]:
        rabbitmq.kill(node)


def _bring_back(stage: Stage) -> None:
    stage.engines.rabbitmq.heal()
    stage.let_supervisor()


FAULTS = (
    Fault("broker-leader", "kill -9 the leader of a queue", Bound(events=5.0, recovered=5.0), strike=_kill_leader),
    Fault(
        "broker-majority",
        "two of three RabbitMQ nodes down and back",
        # From when both are back: without a majority nothing is confirmed.
        Bound(recovered=10.0),
        strike=_kill_majority,
        mend=_bring_back,
        hold=4.0,
    ),
)
