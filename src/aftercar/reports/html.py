"""Blocks to one self-contained HTML file: styles and pictures inside, nothing loaded from anywhere."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from aftercar.reports.blocks import Caveat, Document, Facts, Field, Figure, Heading, Prose, TableBlock, numbers, shown, twin
from aftercar.reports.pictures import svg
from aftercar.reports.provenance import with_signatures
from aftercar.reports.stamp import stamp
from aftercar.reports.widths import is_wide


def render(document: Document) -> str:
    """The document as HTML text; equal input gives equal bytes."""
    return (
        _environment()
        .get_template("document.html")
        .render(
            document=with_signatures(document),
            stamp=stamp(document),
            print_stamp=_css_text(" · ".join([document.title, *stamp(document)])),
            is_wide=is_wide(document),
            numbers=numbers(with_signatures(document)),
            contents=[h for h in document.headings() if h.level == 1],
            kind_of=_kind,
            picture=picture,
            shown=shown,
            is_numeric=_is_numeric,
            twin=Markup(json.dumps(twin(document), sort_keys=True, allow_nan=False).replace("<", "\\u003c")),  # noqa: S704 - made of JSON, "<" escaped
        )
    )


def _css_text(text: str) -> Markup:
    """Text as a CSS string: all but plain letters, digits and spaces escaped, so that it ends neither string nor sheet."""
    return Markup("".join(c if c.isascii() and (c.isalnum() or c == " ") else f"\\{ord(c):06x}" for c in text))  # noqa: S704


def picture(figure: Figure) -> Markup:
    """The figure as an SVG image inside the page (a data address, so that its ids and styles stay its own)."""
    data = base64.b64encode(svg(figure).encode()).decode()
    return Markup('<img src="data:image/svg+xml;base64,{}" alt="{}">').format(data, figure.alt)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("aftercar.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _is_numeric(field: Field) -> bool:
    return field.kind not in ("text", "date")


_KINDS: dict[type, str] = {
    Heading: "heading",
    Prose: "prose",
    Caveat: "caveat",
    Facts: "facts",
    TableBlock: "table",
    Figure: "figure",
}


def _kind(block: Any) -> str:
    return _KINDS[type(block)]
