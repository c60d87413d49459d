"""Distinct types for pseudonymous identifiers, and the one rule for what an identifier may look like.

Identifiers are pseudonyms given by the centre: letters, digits, ``-``, ``_`` and ``.``; never a name,
a date of birth or a hospital number.
"""

from __future__ import annotations

import re
from typing import NewType

PersonId = NewType("PersonId", str)
InfusionId = NewType("InfusionId", str)
CaseId = NewType("CaseId", str)
SampleId = NewType("SampleId", str)
CentreId = NewType("CentreId", str)
SignalId = NewType("SignalId", str)

ID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}")


def is_id(text: str) -> bool:
    """Whether ``text`` can stand as an identifier (1 to 64 characters, starts with a letter or digit)."""
    return ID_PATTERN.fullmatch(text) is not None
