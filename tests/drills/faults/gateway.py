"""A gateway dies, or is frozen: nginx sends its readers and writers to the others."""

from drills.drill import Bound, Fault

_VICTIM = "api.serve.1"
_BOUND = Bound(reads=3.0, writes=3.0)

FAULTS = (
    Fault("gateway-kill", "kill -9 a gateway", _BOUND, strike=lambda stage: stage.kill(_VICTIM)),
    Fault(
        "gateway-freeze",
        "SIGSTOP a gateway",
        _BOUND,
        strike=lambda stage: stage.freeze(_VICTIM),
        mend=lambda stage: stage.thaw(_VICTIM),
        hold=6.0,
    ),
)
