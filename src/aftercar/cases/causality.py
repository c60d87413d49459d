"""The causality statement: three questions answered from stated evidence, and no overall grade.

Whether treatment had a part in a tumour is asked in three axes: A, does the tumour come from a CAR T cell; B, what
part did the insertion have; C, what else may have contributed. The software suggests values for the three, each
with its reasons, what is missing and what would settle it. The overall grade is given and signed by a person
(:mod:`aftercar.cases.assessment`).

    >>> from aftercar.cases.model import build_case_file
    >>> file = build_case_file(
    ...     {"case_id": "C1", "person_id": "P1", "diagnosis": "T-cell lymphoma, EBV+", "tested": "yes", "ebv": "positive",
    ...      "car_result": "not_detected", "car_assays": "qPCR; immunohistochemistry"},
    ... )
    >>> causality = suggest(file)
    >>> causality.origin.value, causality.role.value, causality.contributor("ebv").state
    ('not_car_derived', 'not_assessable', 'present')
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from aftercar.cases.contributors import LABELS, Contributor, contributors
from aftercar.cases.genes import GeneFact
from aftercar.cases.model import CaseFile
from aftercar.cases.origin import ORIGIN_VALUES, cell_of_origin
from aftercar.cases.role import ROLE_VALUES, role_of_insertion, tumour_sites
from aftercar.cases.settings import DEFAULTS, CausalitySettings
from aftercar.cases.statements import Axis, Missing

#: Raised whenever the rules change in a way that can change a suggestion.
RULES_VERSION = "1"

WORDS = {
    "car_derived": "CAR-derived",
    "not_car_derived": "not CAR-derived",
    "indeterminate": "indeterminate",
    "not_tested": "not tested",
    "probable_driver": "probable driver",
    "plausible_contributor": "plausible contributor",
    "passenger": "passenger",
    "not_assessable": "not assessable",
}


@dataclass(frozen=True, slots=True)
class Causality:
    """The suggestion for one case.

    Attributes:
        case_id: the case.
        origin: axis A, one of ``ORIGIN_VALUES``.
        role: axis B, one of ``ROLE_VALUES``.
        contributors: axis C, every contributor looked for.
        settings: the working values used.
        rules_version: version of the rules.
    """

    case_id: str
    origin: Axis
    role: Axis
    contributors: tuple[Contributor, ...]
    settings: CausalitySettings
    rules_version: str = RULES_VERSION

    def contributor(self, name: str) -> Contributor:
        """One contributor by name; raises ``KeyError`` for a name that is not looked for."""
        for item in self.contributors:
            if item.name == name:
                return item
        raise KeyError(name)

    @property
    def present(self) -> tuple[str, ...]:
        """Names of the contributors that are present."""
        return tuple(item.name for item in self.contributors if item.state == "present")

    @property
    def missing(self) -> tuple[Missing, ...]:
        """Everything not known, each once: origin first, then role, then contributors."""
        gaps = [*self.origin.missing, *self.role.missing]
        gaps += [gap for item in self.contributors for gap in item.missing]
        return tuple(dict.fromkeys(gaps))

    def lines(self) -> tuple[str, ...]:
        """The statement in a few lines of text."""
        other = ", ".join(LABELS[name] for name in self.present) or "none known"
        unknown = sum(item.state == "unknown" for item in self.contributors)
        return (
            f"A. Cell of origin: {_because(self.origin)}.",
            f"B. Role of the insertion: {_because(self.role)}.",
            f"C. Other contributors present: {other}; {unknown} of {len(self.contributors)} unknown.",
            "D. The overall grade is given and signed by a named person.",
        )

    def as_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return asdict(self)


def _because(axis: Axis) -> str:
    """Value and deciding reason; what it rests on is said only where it rests on something."""
    basis = "" if axis.basis == "none" else f" ({axis.basis})"
    return f"{WORDS[axis.value]}, because {axis.because}{basis}"


def suggest(
    case_file: CaseFile,
    settings: CausalitySettings = DEFAULTS,
    base_rates: Mapping[str, tuple[int, int]] | None = None,
    *,
    other_tumours: Mapping[str, int] | None = None,
    cancer_genes: Mapping[str, GeneFact] | None = None,
) -> Causality:
    """Suggest the three axes for one case.

    Args:
        case_file: everything known of the case.
        settings: working values, see :class:`CausalitySettings`.
        base_rates: gene -> (products with an insertion there, products looked at). A gene absent from a table that
            is given counts as 0 hits. None takes the few published values.
        other_tumours: gene -> number of other patients whose tumour has an insertion there.
        cancer_genes: gene -> why it matters; None takes :data:`aftercar.cases.genes.T_CELL_CANCER_GENES`.
    """
    origin = cell_of_origin(case_file, settings)
    role = role_of_insertion(
        case_file, origin, settings, base_rates=base_rates, other_tumours=other_tumours, cancer_genes=cancer_genes
    )
    return Causality(case_file.case_id, origin, role, contributors(case_file, settings), settings)


def recurrent_genes(files: Mapping[str, CaseFile] | list[CaseFile]) -> dict[str, dict[str, int]]:
    """For each case: gene of its own sites -> number of other patients whose tumour has an insertion there too."""
    listed = list(files.values()) if isinstance(files, Mapping) else files
    own = {file.case_id: {site.gene for site in tumour_sites(file) if site.gene} for file in listed}
    carriers: dict[str, set[str]] = {}
    for file in listed:
        for gene in own[file.case_id]:
            carriers.setdefault(gene, set()).add(str(file.case["person_id"]))
    return {
        file.case_id: {
            gene: others for gene in sorted(own[file.case_id]) if (others := len(carriers[gene] - {str(file.case["person_id"])}))
        }
        for file in listed
    }


__all__ = ["ORIGIN_VALUES", "ROLE_VALUES", "RULES_VERSION", "Causality", "recurrent_genes", "suggest"]
