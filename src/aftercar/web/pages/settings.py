"""Settings: thresholds, follow-up plans, product facts, dictionaries; everybody reads them, an administrator changes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from aftercar.actions import registry_plans as act
from aftercar.errors import InputError, InvalidTables, UsageError
from aftercar.registry.settings import ABOUT
from aftercar.store import Entry
from aftercar.vocab.products import products as known_products
from aftercar.web.access import Form, Here, Plain, Who
from aftercar.web.rendering import page

router = APIRouter()
#: Fields of the form of thresholds, for the OpenAPI document.
FIELDS = {**ABOUT, "why": "Reason for the change."}


@dataclass(frozen=True)
class Thresholds:
    """The thresholds in force.

    Attributes:
        lines: one for each.
        values, problems: what was typed and what does not fit, by name.
        why: the reason that was typed.
        history: every change so far, newest first.
        may_change: whether the visitor may.
    """

    lines: Sequence[act.SettingLine]
    values: Mapping[str, str]
    problems: Mapping[str, str]
    why: str
    history: Sequence[Entry]
    may_change: bool


@dataclass(frozen=True)
class Plans:
    """Every follow-up plan with its rules and their sources; ``text`` is a plan that was typed, ``message`` what it lacks."""

    plans: Sequence[Plain]
    text: str
    message: str
    history: Sequence[Entry]
    may_change: bool


@dataclass(frozen=True)
class Products:
    """Facts of every product, each with its source and mark."""

    products: Sequence[Plain]


@router.get("/settings")
@router.get("/settings.json")
def thresholds(request: Request, here: Here, who: Who) -> Response:
    """The thresholds in force."""
    return _thresholds(request, here, who, {}, {}, 200)


@router.post("/settings")
def change_thresholds(request: Request, here: Here, who: Who, fields: Form) -> Response:
    """Change thresholds."""
    who.actor.check_everywhere("configure")
    try:
        act.change_settings(here.store, who.actor, fields, why=fields.get("why", ""))
    except InvalidTables as error:
        problems = {problem.column: f"{problem.value} {problem.rule}".strip() for problem in error}
        return _thresholds(request, here, who, fields, problems, 422)
    except UsageError as error:
        return _thresholds(request, here, who, fields, {"why": error.fix}, 422)
    return RedirectResponse("/settings", status_code=303)


@router.get("/settings/plans")
@router.get("/settings/plans.json")
def plans(request: Request, here: Here, who: Who) -> Response:
    """Every follow-up plan, in force or not."""
    return _plans(request, here, who, "", "", 200)


@router.post("/settings/plans")
def add_plan(request: Request, here: Here, who: Who, fields: Form) -> Response:
    """Keep a plan of the site, or a new version of it."""
    who.actor.check_everywhere("configure")
    text, why = fields.get("plan", ""), fields.get("why", "").strip()
    try:
        if not why:
            raise InputError("say why this plan is added")
        act.keep_plan_text(here.store, who.actor, text, why=why)
    except InputError as error:
        return _plans(request, here, who, text, str(error), 422)
    return RedirectResponse("/settings/plans", status_code=303)


@router.post("/settings/plans/shipped/{name}")
def turn_plan(request: Request, name: str, here: Here, who: Who, fields: Form) -> Response:
    """Turn a shipped plan on or off."""
    return _changed(
        request, here, who, lambda: act.turn_shipped(here.store, who.actor, name, _on(fields), why=fields.get("why", ""))
    )


@router.post("/settings/plans/own/{key}")
def choose_plan(request: Request, key: str, here: Here, who: Who, fields: Form) -> Response:
    """Put a version of the site's own plan in force, or take it out."""
    return _changed(
        request, here, who, lambda: act.choose_version(here.store, who.actor, key, _on(fields), why=fields.get("why", ""))
    )


@router.get("/settings/products")
@router.get("/settings/products.json")
def products(request: Request, who: Who) -> Response:
    """Facts of every product."""
    who.actor.check("read")
    rows = []
    for item in known_products():
        facts = [
            {
                "what": name,
                "value": ", ".join(item.names) if name == "names" else getattr(item, name),
                "note": "",
                **asdict(source),
            }
            for name, source in item.sources.items()
        ]
        dates = [
            {"what": f"authorised {a.region} ({a.kind})", "value": str(a.on), "note": a.note, **asdict(a.source)}
            for a in item.authorisations
        ]
        rows.append({"key": item.key, "inn": item.inn, "brands": item.brands, "holder": item.holder, "facts": facts + dates})
    return page(request, "products.html", Products(rows), who)


def _on(fields: Mapping[str, str]) -> bool:
    if fields.get("do") not in ("on", "off"):
        raise InputError("say whether the plan is to be on or off", where="do")
    return fields["do"] == "on"


def _changed(request: Request, here: Here, who: Who, do: Any) -> Response:
    who.actor.check_everywhere("configure")
    try:
        do()
    except (InputError, UsageError) as error:
        return _plans(request, here, who, "", str(error), 422)
    return RedirectResponse("/settings/plans", status_code=303)


def _thresholds(
    request: Request, here: Here, who: Who, values: Mapping[str, str], problems: Mapping[str, str], status: int
) -> Response:
    who.actor.check("read")
    lines = act.setting_lines(here.store)
    shown = {line.name: values.get(line.name, f"{line.value:.10g}") for line in lines}
    context = Thresholds(lines, shown, problems, values.get("why", ""), _history(here), _may(who))
    return page(request, "thresholds.html", context, who, status=status)


def _plans(request: Request, here: Here, who: Who, text: str, message: str, status: int) -> Response:
    who.actor.check("read")
    rows = [
        {
            "name": line.plan.name,
            "version": line.plan.version,
            "title": line.plan.title,
            "origin": line.origin,
            "in_force": line.in_force,
            "why_not": line.why_not,
            "applies": {name: values for name, values in asdict(line.plan.applies).items() if values},
            "rules": [{**asdict(rule), "when": _when(rule)} for rule in line.plan.rules],
        }
        for line in act.plan_lines(here.store)
    ]
    entries = list(here.store.trail(table="site_plans"))[::-1]
    return page(request, "plans.html", Plans(rows, text, message, entries, _may(who)), who, status=status)


def _when(rule: Any) -> str:
    """The times of a rule in words: the first few, and how many more."""
    shown = ", ".join(map(str, rule.offsets[:4]))
    rest = f", ... {rule.offsets[-1]}" if len(rule.offsets) > 4 else ""
    return f"{rule.unit} {shown}{rest}"


def _history(here: Here) -> list[Entry]:
    return [*here.store.history("site_plans", act.CHOICES)][::-1]


def _may(who: Who) -> bool:
    return who.actor.may("configure") and who.actor.centres is None
