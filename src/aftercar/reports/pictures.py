"""Figures as pictures: SVG for pages, PNG for PDF and Word. Rendered in the process, no browser."""

from __future__ import annotations

import re

from aftercar.reports.blocks import Figure

_COUNTED_ID = re.compile(r"\b(gradient_|clip)(\d+)\b")
_VEGA_LITE = "5.20"


def svg(figure: Figure, font: str | None = None) -> str:
    """A figure as SVG text, in another type face when ``font`` names one.

    Its internal ids are numbered afresh, because the renderer counts on within a process.
    """
    import vl_convert

    spec = dict(figure.spec)
    if font:
        spec["config"] = {**spec.get("config", {}), "font": font}
    text = str(vl_convert.vegalite_to_svg(spec, vl_version=_VEGA_LITE))
    seen: dict[str, str] = {}
    return _COUNTED_ID.sub(lambda found: seen.setdefault(found[0], f"{found[1]}{len(seen)}"), text)


def png(figure: Figure, scale: float = 2.5) -> bytes:
    """A figure as PNG bytes, ``scale`` pixels to a CSS pixel."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(dict(figure.spec), vl_version=_VEGA_LITE, scale=scale))
