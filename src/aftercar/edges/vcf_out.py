"""Integration sites as VCF 4.4 breakends: one record a junction, mates linked to the construct's own contig.

A junction is an adjacency between a host base and a vector base. Each is written twice, as the format asks for: on the
host contig with the vector as mate, and on the construct (named ``<construct>``, declared in the header) with the host as
mate. Brackets follow section 5.4 of the VCF specification.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from aftercar import __version__
from aftercar.edges.files import write_text
from aftercar.evidence.sites import SiteCall
from aftercar.reads.junctions import Junction
from aftercar.reads.junctions_target import Target, decode
from aftercar.reads.placement import HostSequence

_INFO = (
    '##INFO=<ID=SVTYPE,Number=1,Type=String,Description="Type of structural variant">',
    '##INFO=<ID=MATEID,Number=A,Type=String,Description="ID of the mate breakend">',
    '##INFO=<ID=EVENT,Number=A,Type=String,Description="The integrated provirus that both junctions belong to">',
    '##INFO=<ID=HOMLEN,Number=A,Type=Integer,Description="Length of microhomology at the junction">',
    '##INFO=<ID=CIPOS,Number=.,Type=Integer,Description="Interval around POS for imprecise junctions">',
    '##INFO=<ID=IMPRECISE,Number=0,Type=Flag,Description="No read crosses the junction">',
    '##INFO=<ID=TSD,Number=1,Type=Integer,Description="Target-site duplication in bases">',
    '##INFO=<ID=PROVIRUS_STRAND,Number=1,Type=String,Description="Orientation of the provirus on the reference">',
    "##INFO=<ID=PROVIRUS_END,Number=1,Type=String,Description=\"End of the provirus: left (5' LTR) or right (3' LTR)\">",
    '##INFO=<ID=GENE,Number=1,Type=String,Description="Gene hit or nearest">',
    '##INFO=<ID=CF,Number=1,Type=Float,Description="Fraction of all cells with the insertion">',
    '##INFO=<ID=CF_LOW,Number=1,Type=Float,Description="Lower limit of CF">',
    '##INFO=<ID=CF_HIGH,Number=1,Type=Float,Description="Upper limit of CF">',
)
_FILTERS = {
    "single_fragment": "One fragment only",
    "approximate": "No read crosses the junction",
    "repeat": "Several places of the host fit alike",
    "weak": "A break inside the vector with too little support",
}
_FORMAT = (
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype (not called)">',
    '##FORMAT=<ID=SR,Number=1,Type=Integer,Description="Fragments with a read across the junction">',
    '##FORMAT=<ID=PE,Number=1,Type=Integer,Description="Fragments with the junction between their ends">',
)


def write_vcf(
    path: Path,
    calls: Sequence[SiteCall],
    target: Target,
    contigs: Mapping[str, int],
    *,
    host: HostSequence | None = None,
    sample: str = "sample",
) -> None:
    """Write the sites; contigs that are not in ``contigs`` are declared without a length."""
    vector = vector_name(target)
    names = list(dict.fromkeys([*contigs, *(j.contig for call in calls for j in call.site.junctions)]))
    lines = ["##fileformat=VCFv4.4", f"##source=AfterCAR {__version__}", *_INFO]
    lines += [f'##FILTER=<ID={name},Description="{words}">' for name, words in _FILTERS.items()]
    lines += list(_FORMAT)
    lines += [f"##contig=<ID={name},length={contigs[name]}>" if name in contigs else f"##contig=<ID={name}>" for name in names]
    lines.append(f"##contig=<ID={vector},length={len(target.codes)}>")
    lines.append("\t".join(("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", sample)))
    rows: list[tuple[int, int, str]] = []
    order = {name: i for i, name in enumerate([*names, vector])}
    for number, call in enumerate(calls, 1):
        for junction in call.site.junctions:
            for contig, position, text in _records(call, junction, f"site{number}", vector, target, host):
                rows.append((order[contig], position, text))
    lines += [text for _, _, text in sorted(rows)]
    write_text(path, "\n".join(lines) + "\n")


def vector_name(target: Target) -> str:
    """Name of the vector as a contig: that of the first construct, with letters that VCF and FASTA allow."""
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in target.parts[0].name)


def write_vector(path: Path, target: Target) -> None:
    """The sequence that the records of the vector refer to, as FASTA: the integrated form, behind it what does not integrate."""
    bases = decode(target.codes)
    lines = [bases[at : at + 60] for at in range(0, len(bases), 60)]
    write_text(path, f">{vector_name(target)}\n" + "\n".join(lines) + "\n")


def _records(
    call: SiteCall, junction: Junction, event: str, vector: str, target: Target, host: HostSequence | None
) -> list[tuple[str, int, str]]:
    position = junction.adjacent + 1
    base = decode(host.fetch(junction.contig, junction.adjacent, junction.adjacent + 1)) if host is not None else "N"
    forward = junction.orientation == "+"
    # The vector base beside the host: at a left break the first of the provirus, at a right break the last.
    begins = (junction.side == "left") == forward
    at = junction.vector if begins else junction.vector - 1
    known = junction.vector >= 0
    vector_base = decode(target.codes[at : at + 1]) if known else "N"
    name = f"{event}_{junction.side}"
    info = _info(call, junction, event)
    sample = f".:{junction.split}:{junction.fragments - junction.split}"
    if not known:
        alt = f"{base}." if junction.side == "left" else f".{base}"
        return [(junction.contig, position, _row(junction.contig, position, name, base, alt, call.filter, info, sample))]
    bracket = "[" if begins else "]"
    mate = f"{bracket}{vector}:{at + 1}{bracket}"
    alt = f"{base}{mate}" if junction.side == "left" else f"{mate}{base}"
    back_bracket = "]" if junction.side == "left" else "["
    back = f"{back_bracket}{junction.contig}:{position}{back_bracket}"
    back_alt = f"{back}{vector_base}" if begins else f"{vector_base}{back}"
    one = _row(junction.contig, position, name, base, alt, call.filter, f"{info};MATEID={name}_v", sample)
    two = _row(vector, at + 1, f"{name}_v", vector_base, back_alt, call.filter, f"{info};MATEID={name}", sample)
    return [(junction.contig, position, one), (vector, at + 1, two)]


def _row(contig: str, position: int, name: str, ref: str, alt: str, filter_: str, info: str, sample: str) -> str:
    return "\t".join((contig, str(position), name, ref, alt, ".", filter_, info, "GT:SR:PE", sample))


def _info(call: SiteCall, junction: Junction, event: str) -> str:
    fields = ["SVTYPE=BND", f"EVENT={event}", f"PROVIRUS_STRAND={junction.orientation}"]
    if junction.end:
        fields.append(f"PROVIRUS_END={junction.end}")
    if not junction.exact:
        fields += ["IMPRECISE", f"CIPOS={junction.low - junction.adjacent},{junction.high - junction.adjacent}"]
    elif junction.microhomology > 0:
        fields.append(f"HOMLEN={junction.microhomology}")
    if call.site.tsd is not None:
        fields.append(f"TSD={call.site.tsd}")
    if call.annotation is not None and call.annotation.gene:
        fields.append(f"GENE={call.annotation.gene}")
    fraction = call.clone.cell_fraction
    if fraction.value == fraction.value:
        fields += [f"CF={fraction.value:.4f}", f"CF_LOW={fraction.low:.4f}", f"CF_HIGH={fraction.high:.4f}"]
    return ";".join(fields)
