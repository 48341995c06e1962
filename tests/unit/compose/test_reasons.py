"""Every reason for having no fair price is explained."""

import ast
import inspect

from bet_intel.compose.pricing.reporting import EXPLANATIONS
from bet_intel.ev_engine.domain import pools


def test_every_reason_of_a_market_has_an_explanation() -> None:
    reason = next(
        node
        for node in ast.walk(ast.parse(inspect.getsource(pools)))
        if isinstance(node, ast.FunctionDef) and node.name == "reason"
    )
    told = {
        node.value
        for node in ast.walk(reason)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier()
    }
    assert "incomplete_market" in told
    assert told <= EXPLANATIONS.keys()
