"""The metrics that there are, as docs/operations/metrics.md lists them."""

import re
from dataclasses import dataclass
from pathlib import Path

_ROW = re.compile(r"^\| `(?P<name>[a-z_]+)` \|(?P<rest>.*)\|$")
_SUFFIXES = ("_bucket", "_sum", "_count")


@dataclass(frozen=True, slots=True)
class Listed:
    """A metric of the services. `name` is that of the series: a counter's ends in `_total`."""

    name: str
    type: str
    labels: frozenset[str]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """`own` are the services' metrics by name, `foreign` the names of the servers' and exporters'."""

    own: dict[str, Listed]
    foreign: frozenset[str]

    @classmethod
    def read(cls, page: Path) -> "Catalogue":
        """Read the tables of the page.

        Raises:
            ValueError: a row cannot be read.
        """
        sections = page.read_text("utf-8").split("\n## ")
        own, foreign = {}, set()
        for section in sections:
            for row in filter(None, map(_ROW.match, section.splitlines())):
                if section.startswith("Of the services"):
                    listed = _listed(row["name"], row["rest"])
                    own[listed.name] = listed
                elif section.startswith("Of the servers"):
                    foreign.add(row["name"])
        return cls(own, frozenset(foreign))

    def has(self, series: str) -> bool:
        """Whether there is a series of this name: of a histogram `_bucket`, `_sum` and `_count`."""
        if series in self.foreign:
            return True
        if series in self.own:
            return self.own[series].type != "histogram"
        return any(
            series.endswith(suffix) and (one := self.own.get(series.removesuffix(suffix))) and one.type == "histogram"
            for suffix in _SUFFIXES
        )


def _listed(name: str, rest: str) -> Listed:
    try:
        kind, labels, _ = (cell.strip() for cell in rest.split("|", 2))
    except ValueError as error:
        raise ValueError(f"the row of {name} has too few cells") from error
    return Listed(name, kind, frozenset() if labels == "–" else frozenset(labels.split(", ")))
