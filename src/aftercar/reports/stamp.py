"""Provenance for the head and foot of every page: what the report rests on, who made it, who signed it."""

from __future__ import annotations

import hashlib

from aftercar.reports.blocks import Document, canonical, content_digest, twin


def inputs_digest(document: Document) -> str:
    """The first 12 hex digits of the hash over all input hashes: the same inputs give the same digest."""
    return hashlib.sha256(canonical(document.provenance.get("inputs", {}))).hexdigest()[:12]


def content(document: Document) -> str:
    """The first 12 hex digits of the content's hash, which ties a printed page to its machine-readable twin."""
    return content_digest(twin(document))[:12]


def stamp(document: Document) -> tuple[str, str]:
    """Two lines for every page: software, data lock, inputs, content, filters, author and signature; and the dictionaries."""
    provenance = document.provenance
    version = provenance.get("software", {}).get("aftercar", "")
    author = provenance.get("author", "")
    parts = [
        f"AfterCAR {version}".strip(),
        f"data lock {document.data_lock}",
        f"inputs {inputs_digest(document)}",
        f"content {content(document)}",
        f"filters: {provenance.get('filters') or 'none'}",
        f"author: {author}" if author else "author not stated",
        signed(document),
    ]
    known = provenance.get("dictionaries", {})
    dictionaries = ", ".join(f"{name} {version}" for name, version in known.items()) or "none stated"
    return " · ".join(parts), f"dictionaries: {dictionaries}"


def signed(document: Document) -> str:
    """Who signed, when and what it means, or that nobody did."""
    return "; ".join(signature.words() for signature in document.signatures) or "not signed"
