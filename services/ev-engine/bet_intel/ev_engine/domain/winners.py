"""How many outcomes of a market win, where its name says so."""

import re

_NAMED = {"double_chance": 2}
_TOP_FINISH = "top_"
_TOP = re.compile(r"top_(?P<places>[1-9]\d?)(_finish)?")


def winners(market: str) -> int:
    """The number of outcomes that win, to which their fair probabilities add up: 1 where the name does not say more.

    `double_chance`: home or draw, away or draw, home or away: two of the three. `top_5_finish`: five of the field.
    """
    if market.startswith(_TOP_FINISH) and (found := _TOP.fullmatch(market)) is not None:
        return int(found["places"])
    return _NAMED.get(market, 1)
