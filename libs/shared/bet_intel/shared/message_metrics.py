"""What becomes of the messages that a process consumes, counted; what is ignored by rule is said too."""

from collections.abc import Sequence

import structlog
from prometheus_client import CollectorRegistry, Counter

_log = structlog.get_logger(__name__)

HANDLED = "handled"
SET_ASIDE = "set_aside"
GIVEN_BACK = "given_back"
REFUSED = "refused"
OLD_REVISION = "old_revision"
UNKNOWN_MARKET = "unknown_market"

_NAMED = 10


class MessageMetrics:
    """Made once for a process: all of its consumers report to it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._messages = Counter(
            "bet_intel_messages",
            "Messages by outcome: handled, set_aside (a dead letter in the consumer's table), refused (left to the "
            "broker's dead queue), given_back",
            ("queue", "outcome"),
            registry=registry,
        )
        self._ignored = Counter(
            "bet_intel_messages_ignored",
            "What was told and changes nothing, by reason: old_revision, unknown_market",
            ("type", "reason"),
            registry=registry,
        )

    def settled(self, queue: str, outcome: str) -> None:
        self._messages.labels(queue, outcome).inc()

    def ignored(self, message_type: str, reason: str, subjects: Sequence[str]) -> None:
        """Count and say, once for all of them, what of a batch changes nothing; `subjects` name each."""
        if subjects:
            self._ignored.labels(message_type, reason).inc(len(subjects))
            named = list(subjects[:_NAMED])
            _log.info("ignored", type=message_type, reason=reason, number=len(subjects), subjects=named)
