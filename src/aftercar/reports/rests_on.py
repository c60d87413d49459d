"""Which inputs a part of a report rests on, so that a changed figure can name the changed inputs that may be behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_CASE = ("cases", "findings", "samples", "infusions", "prior_therapy", "assay_results", "people")
_COHORT = ("people", "infusions", "follow_up", "cases", "prior_therapy")
#: Study tables behind the parts whose key begins with these letters; the first that fits holds.
_TABLES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("onset-published", "homogeneity", "surface"), ("exposure",)),
    (("rates", "exposure-table"), ("exposure", *_COHORT)),
    (("tested",), ("exposure", *_CASE)),
    (("key-figures", "summary"), ("exposure", "follow_up", *_CASE)),
    (("onset",), ("cases", "infusions")),
    (("samples", "sites", "karyogram", "result", "reasons", "pile-up", "coverage", "elements", "facts", "rearr"), ("samples",)),
    (("site-assays", "site-clones", "clone"), ("samples", "infusions")),
    (
        ("cohort", "attrition", "incidence", "rules", "baseline", "product", "by-product", "completeness", "exposure-products"),
        _COHORT,
    ),
    (("states", "tasks", "task-words", "quality"), ("people", "infusions", "follow_up", "assay_results", "cases")),
    (("line-listing", "tabulation", "reactions", "transgene", "swimmer"), ("follow_up", *_CASE)),
    (("notes",), _COHORT),
)
#: Parts that are read off at a day: a later data lock changes them without any new row.
_BY_DAY = ("rates", "cohort", "attrition", "incidence", "completeness", "exposure", "states", "tasks", "task-words", "tabulation",
           "line-listing", "swimmer", "key-figures", "summary", "product", "reactions", "transgene")  # fmt: skip


def reason(part: str, changed: Sequence[Mapping[str, object]]) -> str:
    """What of the changed foundations may be behind a change in a part; "not in what the reports rest on" when nothing is.

    Args:
        part: key of the part.
        changed: rows of :func:`aftercar.reports.difference.reasons`.
    """
    if part.startswith("authored-"):
        return "a person's text"
    tables = next((tables for starts, tables in _TABLES if part.startswith(starts)), _CASE)
    found = [words for row in changed if (words := _bears(str(row["what"]), part, tables))]
    return "; ".join(dict.fromkeys(found)) or "not in what the reports rest on"


def _bears(what: str, part: str, tables: tuple[str, ...]) -> str:
    """In words how one changed foundation may bear on a part, "" when it does not."""
    group, _, name = what.partition(": ")
    if what == "data lock":
        return "later data lock" if part.startswith(_BY_DAY) else ""
    if group == "inputs":
        stem, _, ending = name.rpartition(".")
        if ending in ("csv", "xlsx") and "/" not in name:
            return f"{name} changed" if stem in tables else ""
        return f"{name} changed" if name == "study.toml" or "samples" in tables else ""
    return what if group in ("settings", "dictionaries", "software", "report", "filters") else ""
