"""Every drill, in the order in which they are explained in docs/architecture/faults.md."""

from drills.drill import Bound, Fault
from drills.faults import gateway

UNDISTURBED = Fault("undisturbed", "nothing (what the others are held against)", Bound())
FAULTS: tuple[Fault, ...] = (*gateway.FAULTS,)
