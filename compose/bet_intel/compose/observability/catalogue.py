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
    """`own` are the services' metrics by name, `foreign` the labels of the servers' and exporters', by name."""

    own: dict[str, Listed]
    foreign: dict[str, frozenset[str]]

    @classmethod
    def read(cls, page: Path) -> "Catalogue":
        """Read the tables of the page.

        Raises:
            ValueError: a row cannot be read.
        """
        sections = page.read_text("utf-8").split("\n## ")
        own, foreign = {}, {}
        for section in sections:
            for row in filter(None, map(_ROW.match, section.splitlines())):
                if section.startswith("Of the services"):
                    listed = _listed(row["name"], row["rest"])
                    own[listed.name] = listed
                elif section.startswith("Of the servers"):
                    labels, _ = _cells(row["name"], row["rest"], 2)
                    foreign[row["name"]] = _labels(labels)
        return cls(own, foreign)

    def has(self, series: str) -> bool:
        return self.labels(series) is not None

    def labels(self, series: str) -> frozenset[str] | None:
        """Those of a series as it is exposed, of a histogram's `_bucket` also `le`. None where there is no such series:
        of a histogram there are `_bucket`, `_sum` and `_count` alone."""
        if series in self.foreign:
            return self.foreign[series]
        if series in self.own:
            return None if self.own[series].type == "histogram" else self.own[series].labels
        for suffix in _SUFFIXES:
            one = self.own.get(series.removesuffix(suffix)) if series.endswith(suffix) else None
            if one and one.type == "histogram":
                return one.labels | ({"le"} if suffix == "_bucket" else frozenset())
        return None


def _listed(name: str, rest: str) -> Listed:
    kind, labels, _ = _cells(name, rest, 3)
    return Listed(name, kind, _labels(labels))


def _cells(name: str, rest: str, number: int) -> list[str]:
    cells = [cell.strip() for cell in rest.split("|", number - 1)]
    if len(cells) < number:
        raise ValueError(f"the row of {name} has too few cells")
    return cells


def _labels(cell: str) -> frozenset[str]:
    return frozenset() if cell == "–" else frozenset(cell.split(", "))
