"""What the notifier counts."""

from prometheus_client import CollectorRegistry, Counter


class Metrics:
    """Counters, registered with `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sets = Counter(
            "bet_intel_notifier_sets",
            "Opportunity sets by outcome: applied, or ignored as late, repeated or overtaken in their batch",
            ["outcome"],
            registry=registry,
        )
        self.attempts = Counter(
            "bet_intel_notifier_delivery_attempts",
            "Attempts to send a notification by channel and outcome: delivered, skipped, retry or failed",
            ["channel", "outcome"],
            registry=registry,
        )
