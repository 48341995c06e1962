"""What may be wrong with a broker."""

from bet_intel.shared.messaging import UnavailableError


class BrokerError(Exception):
    """The broker cannot be used as it is; the message says how to mend it and holds no secret."""


class BrokerUnavailableError(UnavailableError):
    """No node of the broker can be reached, or the connection was lost: trying again later can help."""
