"""Read counts as each caller spells them.

Mutect2 and DRAGEN: ``AD`` ref,alt,...; ``AF``; ``DP``; ``SB`` four strand counts. VarDict: ``AD``, ``VD``, ``ALD`` alt by
strand. Strelka SNVs: ``AU CU GU TU``, indels: ``TAR TIR``, first value is tier 1. VarScan: ``RD`` and a single ``AD``.
FreeBayes: ``RO``, ``AO``. A dot, or a part left out, is "not given".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

#: Raises the reader's error for a field: what is wrong, which field.
Wrong = Callable[[str, str], Exception]


@dataclass(frozen=True, slots=True)
class Counts:
    """Reads of one allele in one sample; None is not given."""

    depth: int | None
    alt_reads: int | None
    fraction: float | None
    forward: int | None = None
    reverse: int | None = None


def counts(cell: Mapping[str, str], ref: str, alt: str, which: int, alleles: int, wrong: Wrong) -> Counts:
    """Counts of alternative ``which`` (0-based) of ``alleles`` alternatives from a sample's FORMAT values."""
    fraction = _fraction(cell, which, alleles, wrong)
    depth = _one(cell, "DP", wrong)
    if "TIR" in cell or "TAR" in cell:
        return _strelka_indel(cell, fraction, wrong)
    if {"AU", "CU", "GU", "TU"} <= cell.keys() and len(ref) == len(alt) == 1:
        return _strelka_snv(cell, ref, alt, fraction, wrong)
    alt_reads: int | None = None
    if "AD" in cell:
        values = _many(cell, "AD", wrong)
        if len(values) == alleles + 1:
            alt_reads = values[which + 1]
            known = [value for value in values if value is not None]
            if depth is None and len(known) == len(values):
                depth = sum(known)
        elif len(values) == 1 and "RD" in cell and alleles == 1:
            alt_reads = values[0]
        elif values != [None]:
            raise wrong(f"{len(values)} values for {alleles + 1} alleles", "AD")
    elif "AO" in cell:
        values = _many(cell, "AO", wrong)
        if len(values) == alleles:
            alt_reads = values[which]
        elif values != [None]:
            raise wrong(f"{len(values)} values for {alleles} alternative alleles", "AO")
    if alt_reads is None and "VD" in cell and alleles == 1:
        alt_reads = _one(cell, "VD", wrong)
    if alt_reads is not None and depth is not None and alt_reads > depth:
        # Callers that count informative reads only may give fewer in DP than in AD; the larger count is then the depth.
        total = sum(value or 0 for value in _many(cell, "AD", wrong)) if "AD" in cell else alt_reads
        depth = max(total, alt_reads)
    forward, reverse = _strands(cell, which, alleles, wrong)
    return Counts(depth, alt_reads, fraction, forward, reverse)


def _strands(cell: Mapping[str, str], which: int, alleles: int, wrong: Wrong) -> tuple[int | None, int | None]:
    if "SB" in cell and alleles == 1:
        values = _many(cell, "SB", wrong)
        if len(values) == 4:
            return values[2], values[3]
    if "ALD" in cell and alleles == 1:
        values = _many(cell, "ALD", wrong)
        if len(values) == 2:
            return values[0], values[1]
    for plus, minus, shift in (("ADF", "ADR", 1), ("SAF", "SAR", 0)):
        if plus in cell and minus in cell:
            both = _many(cell, plus, wrong), _many(cell, minus, wrong)
            if all(len(values) == alleles + shift for values in both):
                return both[0][which + shift], both[1][which + shift]
    return None, None


def _strelka_snv(cell: Mapping[str, str], ref: str, alt: str, fraction: float | None, wrong: Wrong) -> Counts:
    tier1 = {base: _many(cell, f"{base}U", wrong)[0] for base in "ACGT"}
    alt_reads = tier1.get(alt.upper())
    known = [value for value in tier1.values() if value is not None]
    return Counts(sum(known) if len(known) == 4 else None, alt_reads, fraction)


def _strelka_indel(cell: Mapping[str, str], fraction: float | None, wrong: Wrong) -> Counts:
    alt_reads = _many(cell, "TIR", wrong)[0] if "TIR" in cell else None
    ref_reads = _many(cell, "TAR", wrong)[0] if "TAR" in cell else None
    both = alt_reads is not None and ref_reads is not None
    return Counts(alt_reads + ref_reads if both else None, alt_reads, fraction)  # type: ignore[operator]


def _fraction(cell: Mapping[str, str], which: int, alleles: int, wrong: Wrong) -> float | None:
    for name in ("AF", "VAF", "FREQ", "FA"):
        text = cell.get(name, ".")
        if text in (".", ""):
            continue
        values = text.split(",")
        if len(values) == alleles + 1:
            values = values[1:]
        if len(values) != alleles:
            raise wrong(f"{len(values)} values for {alleles} alternative alleles", name)
        value = values[which]
        if value in (".", ""):
            return None
        try:
            number = float(value.rstrip("%")) / (100 if value.endswith("%") else 1)
        except ValueError:
            raise wrong(f"{value!r} is not a number", name) from None
        if not 0 <= number <= 1:
            raise wrong(f"allele fraction {value} is not between 0 and 1", name)
        return number
    return None


def _one(cell: Mapping[str, str], name: str, wrong: Wrong) -> int | None:
    text = cell.get(name, ".")
    if text in (".", ""):
        return None
    return _whole(text, name, wrong)


def _many(cell: Mapping[str, str], name: str, wrong: Wrong) -> list[int | None]:
    return [None if part in (".", "") else _whole(part, name, wrong) for part in cell[name].split(",")]


def _whole(text: str, name: str, wrong: Wrong) -> int:
    try:
        value = int(text)
    except ValueError:
        raise wrong(f"{text!r} is not a whole number", name) from None
    if value < 0:
        raise wrong(f"{value} is negative", name)
    return value


def info_homopolymer(info: Mapping[str, str], ref: str, alt: str) -> int | None:
    """Run of one base around an indel as the caller gives it, None when it does not.

    Mutect2: ``RU`` of one base and ``RPA`` repeats; Strelka: ``RU`` and ``RC``/``IC``; VarDict: ``MSI`` repeats of
    ``MSILEN`` bases.
    """
    if len(ref) == len(alt):
        return 0
    changed = (ref if len(ref) > len(alt) else alt)[min(len(ref), len(alt)) :]
    if changed and len(set(changed)) > 1:
        return 0
    unit = info.get("RU", "")
    try:
        if unit and "RPA" in info:
            return max(int(value) for value in info["RPA"].split(",")) if len(unit) == 1 else 0
        if unit and "RC" in info:
            return max(int(info["RC"]), int(info.get("IC", "0"))) if len(unit) == 1 else 0
        if "MSILEN" in info and "MSI" in info:
            return int(float(info["MSI"])) if float(info["MSILEN"]) == 1 else 0
    except ValueError:
        return None
    return None
