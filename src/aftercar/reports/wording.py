"""Figures in words: one way to say a proportion, a rate, a p-value, a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def percent(row: Mapping[str, Any], digits: int = 1, value: str = "value", low: str = "low", high: str = "high") -> str:
    """A proportion with its interval: ``36.8% (16.3-61.6)``; a missing value is "not known"."""
    if row[value] is None or row[value] != row[value]:
        return "not known"
    return f"{100 * row[value]:.{digits}f}% ({100 * row[low]:.{digits}f}-{100 * row[high]:.{digits}f})"


def small_percent(row: Mapping[str, Any]) -> str:
    """A proportion with as many digits as a rare event needs: ``0.0894% (0.0633-0.1227)``."""
    return percent(row, 4 if row["value"] < 0.001 and row["cases"] else 2 if row["value"] < 0.01 else 1)


def per_thousand(row: Mapping[str, Any], digits: int = 2) -> str:
    """A figure per 1,000 units of its denominator, with its interval."""
    return f"{1000 * row['value']:.{digits}f} ({1000 * row['low']:.{digits}f}-{1000 * row['high']:.{digits}f})"


def p_value(p: float) -> str:
    """A p-value: two digits, or "below 0.001"."""
    return "below 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.01 else f"{p:.2f}"


def listed(words: Sequence[str]) -> str:
    """Words joined as in a sentence: "a, b and c"."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else "none"


def counted(number: int, word: str, plural: str = "") -> str:
    """A count with its noun: "1 case", "2 cases"."""
    return f"{number:,} {word if number == 1 else plural or word + 's'}"
