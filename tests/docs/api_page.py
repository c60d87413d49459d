"""The page of the web app's addresses, made from its OpenAPI document."""

from __future__ import annotations

import tempfile
from pathlib import Path

from aftercar.store import create_store
from aftercar.web.app import create_app
from aftercar.web.openapi import STATUSES


def document() -> dict:
    """The OpenAPI document of the app over an empty registry."""
    with tempfile.TemporaryDirectory() as folder:
        store = create_store(f"sqlite:///{Path(folder) / 'registry.db'}")
        try:
            return create_app(store, send=lambda *_: None, works=False).openapi()
        finally:
            store.close()


def api_page() -> str:
    """Every address with what it does and the fields of its form."""
    found = document()
    lines = [
        "# Addresses of the web app",
        "",
        "Made from `/openapi.json`, which a running app gives. " + found["info"]["description"],
        "",
    ]
    lines += [
        "Any of them may answer:",
        "",
        "| status | when |",
        "|---|---|",
        *(f"| {code} | {words} |" for code, words in STATUSES.items()),
        "",
    ]
    lines += ["| address | what it does | fields |", "|---|---|---|"]
    for path, methods in sorted(found["paths"].items()):
        for method, operation in sorted(methods.items()):
            about = " ".join((operation.get("description") or operation["summary"]).split())
            lines.append(f"| `{method.upper()} {path}` | {about} | {', '.join(_fields(operation))} |".replace("  ", " "))
    return "\n".join(lines) + "\n"


def _fields(operation: dict) -> list[str]:
    names = [f"`{item['name']}`" for item in operation.get("parameters", ()) if item["in"] == "query"]
    for body in operation.get("requestBody", {}).get("content", {}).values():
        names += [f"`{name}`" for name in body["schema"].get("properties", {}) if name != "csrf"]
    return list(dict.fromkeys(names))
