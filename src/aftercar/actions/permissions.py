"""Who may do what: every action asks here, so the command line and the web follow the same rules.

An :class:`Actor` is a person (or a program) with roles, limited to centres. Accounts and passwords live elsewhere.

    >>> nurse = Actor("nurse.a", frozenset({"registrar"}), frozenset({"A"}))
    >>> nurse.may("edit", centre="A"), nurse.may("edit", centre="B"), nurse.may("erase", centre="A")
    (True, False, False)
    >>> nurse.check("edit", centre="B")
    Traceback (most recent call last):
    ...
    aftercar.errors.NotPermitted: nurse.a may not edit records of centre B. Next: ask somebody there, or an administrator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aftercar.errors import NotPermitted

Right = Literal[
    "aggregate", "read", "edit", "test", "assess", "review", "import", "export", "erase", "audit", "configure", "sign"
]  # fmt: skip

#: What each role may do. ``edit`` covers people, infusions, follow-up and consent; ``test`` samples and laboratory
#: values; ``assess`` cases and causality; ``aggregate`` counts and rates, masked for who may not ``read`` records.
ROLES: dict[str, frozenset[Right]] = {
    "reader": frozenset({"aggregate", "read"}),
    "registrar": frozenset({"aggregate", "read", "edit", "import", "export"}),
    "laboratory": frozenset({"aggregate", "read", "test"}),
    "assessor": frozenset({"aggregate", "read", "assess", "review", "sign"}),
    "epidemiologist": frozenset({"aggregate", "review"}),
    "auditor": frozenset({"aggregate", "read", "audit", "export"}),
    "administrator": frozenset(
        {"aggregate", "read", "edit", "test", "assess", "review", "import", "export", "erase", "audit", "configure"}
    ),
}

#: Which right a change of a table needs; ``edit`` for tables not named.
TABLE_RIGHTS: dict[str, Right] = {
    "samples": "test",
    "assay_results": "test",
    "result_documents": "test",
    "cases": "assess",
    "findings": "assess",
    "case_reports": "assess",
    "event_codes": "assess",
    "assessments": "assess",
    "narratives": "assess",
    "duplicate_links": "assess",
    "sample_checks": "test",
    "testing_requests": "test",
    "site_plans": "configure",
    "studies": "import",
    "imports": "import",
    "exposure": "import",
    "signal_entries": "assess",
    "labels": "configure",
    "label_sections": "configure",
    "reports_built": "aggregate",
    "signal_reviews": "review",
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts.

    Attributes:
        name: as it stands in the audit trail.
        roles: names of :data:`ROLES`.
        centres: centres whose records the person may see and change; None means all.
    """

    name: str
    roles: frozenset[str]
    centres: frozenset[str] | None = None

    def __post_init__(self) -> None:
        unknown = self.roles - ROLES.keys()
        if unknown:
            raise ValueError(f"no such role: {', '.join(sorted(unknown))}; the roles are {', '.join(ROLES)}")

    @property
    def rights(self) -> frozenset[Right]:
        """Everything that the roles together allow."""
        return frozenset().union(*(ROLES[role] for role in self.roles))

    def may(self, right: Right, *, centre: str | None = None) -> bool:
        """Whether the person has the right, for records of ``centre`` when one is given."""
        return right in self.rights and (centre is None or self.sees(centre))

    def sees(self, centre: str | None) -> bool:
        """Whether records of ``centre`` (None: no centre recorded) are within reach."""
        return self.centres is None or centre in self.centres

    def check(self, right: Right, *, centre: str | None = None) -> None:
        """Let pass, or say why not.

        Raises:
            NotPermitted: naming the person, the right and the centre.
        """
        if right not in self.rights:
            roles = ", ".join(sorted(self.roles)) or "no role"
            raise NotPermitted(f"{self.name} ({roles}) may not {right}", fix="ask an administrator for the role that may")
        if centre is not None and not self.sees(centre):
            raise NotPermitted(
                f"{self.name} may not {right} records of centre {centre}", fix="ask somebody there, or an administrator"
            )

    def check_everywhere(self, right: Right) -> None:
        """As :meth:`check`, for actions that touch every centre's records."""
        self.check(right)
        if self.centres is not None:
            centres = ", ".join(sorted(self.centres))
            raise NotPermitted(
                f"{self.name} is limited to {centres} and may not {right} for all centres", fix="ask an administrator"
            )


def local_actor(name: str) -> Actor:
    """The person at the machine's own command line: all rights, because they can read the file anyway."""
    return Actor(name, frozenset(ROLES), None)
