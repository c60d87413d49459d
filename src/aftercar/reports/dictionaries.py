"""Which dictionaries a report was made with: a version where there is one, and a fingerprint of what it says."""

from __future__ import annotations

import hashlib

from aftercar.registry.plan import PlanSet
from aftercar.vocab.product_facts import PRODUCTS
from aftercar.vocab.tables.study import TABLES
from aftercar.vocab.terms import DIAGNOSES


def dictionaries(plans: PlanSet, rules: str) -> dict[str, str]:
    """Name -> version or fingerprint; a changed fact changes the fingerprint even where nobody changed a version.

    Args:
        plans: the follow-up plans in force.
        rules: name, version and fingerprint of the rules of clonal haematopoiesis.
    """
    newest = max((plan.version for plan in plans.plans), default="none")
    return {
        "follow-up plans": f"{newest} ({_fingerprint(plans.plans)})",
        "product facts": _fingerprint(PRODUCTS),
        "diagnosis terms": _fingerprint(DIAGNOSES),
        "clonal-haematopoiesis rules": rules,
        "study tables": _fingerprint(TABLES),
        "MedDRA": "not used",
    }


def _fingerprint(facts: object) -> str:
    """Eight hex digits over the values; dataclasses of plain values spell themselves alike on every machine."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:8]
