"""The junction pile-up picture: for each located site the fragments on both sides of the provirus, as one SVG."""

from __future__ import annotations

from html import escape

from aftercar.evidence.sample import Findings
from aftercar.evidence.sites import SiteCall
from aftercar.evidence.verdict import Verdict
from aftercar.reads.junctions import Junction
from aftercar.reads.junctions_target import decode
from aftercar.reads.placement import HostSequence

_WIDTH, _HALF, _ROW, _TOP = 960, 440, 5, 46
_REACH = 500
_MOST_SITES, _MOST_ROWS = 12, 40
_HOST, _VECTOR, _GAP = "#4878a8", "#d1605e", "#bbbbbb"


def pileup_svg(verdict: Verdict, found: Findings, host: HostSequence | None) -> str:
    """A panel a site: host blue, vector red, the unsequenced middle of a fragment grey; at most twelve sites."""
    every = [site for site in verdict.sites if site.filter != "weak"]
    calls = every[:_MOST_SITES]
    panels, height = [], 30
    for call in calls:
        panel, tall = _panel(call, height, host)
        panels.append(panel)
        height += tall
    title = f"{verdict.call.replace('_', ' ')}: {len(every)} site(s)"
    if len(every) > len(calls):
        title += f", the first {len(calls)} are shown"
    body = "".join(panels) or f'<text x="10" y="{height}">no site</text>'
    height += 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" '
        f'font-family="sans-serif" font-size="11" role="img"><title>{escape(title)}</title>'
        f'<rect width="100%" height="100%" fill="white"/><text x="10" y="18" font-size="13">{escape(title)}</text>{body}</svg>\n'
    )


def _panel(call: SiteCall, top: int, host: HostSequence | None) -> tuple[str, int]:
    site = call.site
    note = call.annotation.words() if call.annotation is not None else ""
    tsd = "" if site.tsd is None else f", TSD {site.tsd}"
    share = call.clone.cell_fraction.percent()
    head = f"{site.contig}:{site.position + 1:,} {site.orientation}{tsd}, {call.filter}, {share} of cells. {note}"
    rows = min(_MOST_ROWS, max((junction.fragments for junction in site.junctions), default=0))
    parts = [f'<text x="10" y="{top + 14}">{escape(head)}</text>']
    for junction, x0 in ((site.left, 10), (site.right, 20 + _HALF)):
        if junction is not None:
            parts.append(_half(junction, x0, top, host))
        else:
            parts.append(f'<text x="{x0 + 150}" y="{top + 34}" fill="#777">this end was not seen</text>')
    return "".join(parts), _TOP + rows * _ROW + 12


def _half(junction: Junction, x0: int, top: int, host: HostSequence | None) -> str:
    """Fragments of one junction; the boundary is the middle line, the host on its own side."""
    middle = x0 + _HALF / 2
    scale = _HALF / 2 / _REACH
    sign = -1 if junction.side == "left" else 1
    parts = [f'<line x1="{middle}" x2="{middle}" y1="{top + 22}" y2="{top + _TOP + 4}" stroke="#333"/>']
    parts.append(f'<text x="{x0}" y="{top + 30}" fill="#333">{escape(_bases(junction, host))}</text>')
    supports = sorted(junction.supports, key=lambda s: abs(junction.adjacent - s.host_outer))[:_MOST_ROWS]
    for number, support in enumerate(supports):
        y = top + _TOP + number * _ROW - 8
        for bases, direction, colour in ((support.host_bases, sign, _HOST), (support.vector_bases, -sign, _VECTOR)):
            length = min(bases, _REACH) * scale
            x = middle if direction > 0 else middle - length
            parts.append(f'<rect x="{x:.1f}" y="{y}" width="{length:.1f}" height="3" fill="{colour}"/>')
        if support.kind == "spanning":
            parts.append(f'<rect x="{middle - 8}" y="{y}" width="16" height="3" fill="{_GAP}"/>')
    return "".join(parts)


def _bases(junction: Junction, host: HostSequence | None) -> str:
    count = f"{junction.fragments} fragments, {junction.split} across the junction"
    if host is None or not junction.exact:
        return count
    if junction.side == "left":
        return f"...{decode(host.fetch(junction.contig, junction.adjacent - 9, junction.adjacent + 1))} | provirus   {count}"
    return f"provirus | {decode(host.fetch(junction.contig, junction.adjacent, junction.adjacent + 10))}...   {count}"
