"""What the pages of problem types say."""

from typing import Annotated

import msgspec
from msgspec import Meta


class ProblemDescription(msgspec.Struct, frozen=True):
    """A kind of problem."""

    type: Annotated[str, Meta(description="As answers name it.")]
    title: str
    statuses: tuple[int, ...]
    meaning: str
    remedy: Annotated[str, Meta(description="What to do about it.")]


class ProblemDescriptions(msgspec.Struct, frozen=True):
    data: list[ProblemDescription]
