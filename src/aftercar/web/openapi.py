"""The OpenAPI document: every route with the fields of its form and every status that it can answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from aftercar.vocab.columns import Table
from aftercar.vocab.tables.study import INFUSIONS, PEOPLE

STATUSES = {
    "303": "Done (after a form), or nobody is signed in: the address to go to is in the header Location.",
    "400": "The request cannot be read.",
    "401": "A program's token is missing, wrong or too old, or nobody is signed in (addresses that end in .json).",
    "403": "Not permitted, sign-in refused, or a form without the session's token.",
    "404": "There is no such address.",
    "409": "Somebody else changed the record since it was read.",
    "413": "The body is larger than this address takes.",
    "422": "A value does not fit, or there is no such record within reach; nothing was saved.",
    "503": "A program or server that this needs is missing.",
}
_ERROR = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("title", "code", "what", "where", "fix")},
}


def document(app: FastAPI, forms: Mapping[str, Mapping[str, str]], uploads: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The document.

    Args:
        app: the app.
        forms: address to the fields of its form (name to description); other posts take the form's token alone.
        uploads: as ``forms``, for those that take files (fields whose description starts with ``File``).
    """
    found = get_openapi(title=app.title, version=app.version, routes=app.routes, description=_ABOUT)
    found["components"] = {
        **found.get("components", {}),
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        "schemas": {**found.get("components", {}).get("schemas", {}), "Error": _ERROR},
    }
    found["security"] = [{"token": []}]
    for path, methods in found["paths"].items():
        kind = "application/json" if path.endswith(".json") else "text/html"
        for method, operation in methods.items():
            content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}} if kind != "text/html" else {}
            for status, words in STATUSES.items():
                operation["responses"][status] = {"description": words, **({"content": content} if content else {})}
            if method == "post":
                operation["requestBody"] = _body(forms.get(path, {}), uploads.get(path))
    return found


_ABOUT = (
    "Pages end in their name and give HTML; the same address with .json gives the data of the page. Programs send the token "
    "made on the account page as 'Authorization: Bearer ...' and post the fields of the forms; the account's rights apply."
)


def _body(fields: Mapping[str, str], upload: Mapping[str, str] | None) -> dict[str, Any]:
    kind = "application/x-www-form-urlencoded" if upload is None else "multipart/form-data"
    properties = {name: _property(about) for name, about in (upload or fields).items()}
    return {"content": {kind: {"schema": {"type": "object", "properties": properties}}}}


def _property(about: str) -> dict[str, Any]:
    return {"type": "string", "description": about, **({"format": "binary"} if about.startswith("File") else {})}


def columns_of(*tables: Table) -> dict[str, str]:
    """Fields of a form that are the columns of tables."""
    return {column.name: column.about for table in tables for column in table.columns}


ENROLMENT = columns_of(PEOPLE, INFUSIONS)
