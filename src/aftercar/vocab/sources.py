"""Facts carry their source and how well it was checked.

Marks follow one scheme everywhere: ``seen`` in the named source, ``secondary`` (seen in a report about
the source), ``recalled`` (known but not checked against the source), ``derived`` (our own calculation),
``measured`` (measured by us). A fact marked recalled must show that mark wherever it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Mark = Literal["seen", "secondary", "recalled", "derived", "measured"]
MARKS: tuple[Mark, ...] = get_args(Mark)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact comes from: a citation (DOI or address where there is one) and its mark."""

    cite: str
    mark: Mark

    def __str__(self) -> str:
        return f"{self.cite} [{self.mark}]"
