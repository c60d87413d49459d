"""A page is a documented context first and HTML second; a path that ends in ``.json`` gives the context itself."""

from __future__ import annotations

import dataclasses
import datetime as dt
from functools import cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from aftercar.web.access import Visitor

MENU = (
    ("/", "Today", "aggregate"),
    ("/people", "People", "read"),
    ("/cases", "Cases", "read"),
    ("/signals", "Signals", "aggregate"),
    ("/reports", "Reports", "aggregate"),
    ("/imports", "Imports", "import"),
    ("/audit", "Audit", "audit"),
    ("/settings", "Settings", "read"),
    ("/users", "Users", "configure"),
)


@cache
def environment() -> Environment:
    """The templates; every value is escaped."""
    return Environment(
        loader=PackageLoader("aftercar.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(request: Request, template: str, context: Any, who: Visitor | None, *, status: int = 200) -> Response:
    """A page from its context (a dataclass): HTML, or JSON for a path that ends in ``.json``."""
    if request.url.path.endswith(".json"):
        return JSONResponse(plain(context), status_code=status)
    values = {field.name: getattr(context, field.name) for field in dataclasses.fields(context)}
    menu = [(path, label) for path, label, right in MENU if who is not None and who.actor.may(right)]  # type: ignore[arg-type]
    text = (
        environment()
        .get_template(template)
        .render(
            **values,
            who=who.actor if who else None,
            csrf=who.csrf if who else "",
            menu=menu,
            path=request.url.path,
        )
    )
    return HTMLResponse(text, status_code=status)


def plain(value: Any) -> Any:
    """A context as JSON-like values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if isinstance(value, float) and value != value:
        return None
    return value
