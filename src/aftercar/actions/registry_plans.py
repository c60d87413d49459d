"""Which follow-up plans and thresholds are in force: a site's own plans, shipped ones turned on and off, settings changed.

What an administrator chooses is kept as one site plan named :data:`CHOICES`, so that command line and web follow the same rules,
every change has its reason in the trail, and the old value stays readable there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aftercar.actions.permissions import Actor
from aftercar.actions.registry_due import plans_in_force, site_plan_rows, site_plan_texts
from aftercar.edges.files import existing_file
from aftercar.errors import InputError, InvalidTables, Problem, UsageError
from aftercar.registry.plan import Plan, parse_plan, plan_set, shipped_plans
from aftercar.registry.settings import ABOUT, LIMITS, SOURCES, Settings
from aftercar.store import Record, Store
from aftercar.vocab.sources import Source

#: The site plan that holds what an administrator chose.
CHOICES = "site-choices"


@dataclass(frozen=True)
class PlanLine:
    """One version of a plan.

    Attributes:
        plan: its content.
        origin: ``shipped``, or the key of the site plan that holds it.
        in_force: whether it applies now.
        why_not: the reason given for turning it off, "" otherwise.
    """

    plan: Plan
    origin: str
    in_force: bool
    why_not: str


@dataclass(frozen=True)
class SettingLine:
    """One threshold: name, what it says, value in force, the one it ships with, its limits and its source."""

    name: str
    about: str
    value: float
    shipped: float
    low: float
    high: float
    source: Source


def plan_lines(store: Store) -> list[PlanLine]:
    """Every plan that is known: shipped ones, then every version of the site's own."""
    in_force = plans_in_force(store)
    active, reasons = {plan.label for plan in in_force.plans}, dict(in_force.omitted)
    found = [PlanLine(plan, "shipped", plan.label in active, reasons.get(plan.name, "")) for plan in shipped_plans()]
    for record in store.list("site_plans"):
        if tomllib.loads(record["plan"]).get("rules"):
            plan = parse_plan(record["plan"], where=record.key)
            applies = record["active"] == "yes" and plan.label in active
            found.append(PlanLine(plan, record.key, applies, reasons.get(plan.name, "")))
    return found


def setting_lines(store: Store) -> list[SettingLine]:
    """Every threshold as it is in force."""
    now, shipped = plans_in_force(store).settings, Settings()
    return [
        SettingLine(name, ABOUT[name], getattr(now, name), getattr(shipped, name), *LIMITS[name], SOURCES[name])
        for name in LIMITS
    ]


def keep_plan(store: Store, actor: Actor, path: Path) -> Record:
    """As :func:`keep_plan_text`, from a file."""
    return keep_plan_text(store, actor, existing_file(path).read_text(encoding="utf-8-sig"), why=f"site plan from {path.name}")


def keep_plan_text(store: Store, actor: Actor, text: str, *, why: str) -> Record:
    """Keep a site's plan (TOML) in the registry, after checking it; the newest version of a name applies.

    Raises:
        BadPlan: naming what is wrong.
        StaleVersion: when another plan of the same name and version is there.
    """
    actor.check_everywhere("configure")
    plan_set([text])
    content = tomllib.loads(text)
    if not content.get("name") or not content.get("version"):
        raise InputError("a site plan needs name and version")
    if content["name"] == CHOICES:
        raise InputError(f"the name {CHOICES} is taken", fix="give the plan another name")
    if content.get("rules"):
        parse_plan(text)
    row = {
        "site_plan_id": f"{content['name']}-{content['version']}",
        "name": content["name"],
        "version": content["version"],
        "plan": text,
        "active": "yes",
    }
    plan_set(site_plan_texts(_rows_with(store, row)))
    return store.save("site_plans", row, who=actor.name, why=why)


def choose_version(store: Store, actor: Actor, key: str, active: bool, *, why: str) -> None:
    """Put one version of a site's plan in force, and no other of its name; or take it out of force.

    Raises:
        InputError: when there is no such version.
        BadPlan: when what remains names a plan that is no longer there.
    """
    actor.check_everywhere("configure")
    wanted = store.get("site_plans", key)
    if wanted is None or wanted["name"] == CHOICES:
        raise InputError(f"there is no plan {key!r} of this site")
    rows = []
    for record in store.list("site_plans", {"name": wanted["name"]}):
        state = "yes" if active and record.key == key else "no"
        if record["active"] != state:
            rows.append(({**record.row, "active": state}, record.version))
    plan_set(site_plan_texts(_rows_with(store, *(row for row, _ in rows))))
    with store.transaction(actor.name, why) as change:
        for row, version in rows:
            change.save("site_plans", row, expected_version=version)


def turn_shipped(store: Store, actor: Actor, name: str, on: bool, *, why: str) -> None:
    """Turn a shipped plan on, or off for a reason.

    Raises:
        InputError: when no such plan ships.
        UsageError: without a reason.
    """
    if name not in {plan.name for plan in shipped_plans()}:
        raise InputError(f"no plan {name!r} ships", fix=f"one of {', '.join(plan.name for plan in shipped_plans())}")
    if not why.strip():
        raise UsageError("a plan is turned on or off for a reason", fix="say why")
    chosen = _choices(store)
    use = [item for item in chosen.get("use", []) if item != name]
    omit = [item for item in chosen.get("omit", []) if item["plan"] != name]
    chosen["use"] = [*use, name] if on else use
    chosen["omit"] = omit if on else [*omit, {"plan": name, "reason": why}]
    _keep_choices(store, actor, chosen, f"plan {name} {'on' if on else 'off'}: {why}")


def change_settings(store: Store, actor: Actor, typed: Mapping[str, str], *, why: str) -> list[str]:
    """Change thresholds; those left as they are do not count as changes.

    Args:
        store, actor: where, and who (needs ``configure``).
        typed: name to what was typed; names that are missing stay as they are.
        why: the reason.

    Returns:
        What changed, as ``name: old -> new``.

    Raises:
        InvalidTables: with every value that is no number or out of its limits, by column.
        UsageError: without a reason.
    """
    actor.check_everywhere("configure")
    problems: list[Problem] = []
    changed: dict[str, float] = {}
    words, lines = [], setting_lines(store)
    for line in lines:
        text = typed.get(line.name, "").strip()
        value = _number(text, line, problems) if line.name in typed else line.value
        if value != line.value:
            changed[line.name] = value
            words.append(f"{line.name}: {line.value:g} -> {value:g}")
    new = {line.name: changed.get(line.name, line.value) for line in lines}
    if new["pg_per_genome_low"] > new["pg_per_genome_high"]:
        problems.append(Problem("settings", 0, "pg_per_genome_low", "", "is above pg_per_genome_high"))
    if problems:
        raise InvalidTables(problems)
    if not why.strip():
        raise UsageError("a change of a threshold needs a reason", fix="say why")
    if changed:
        chosen = _choices(store)
        chosen["settings"] = {**chosen.get("settings", {}), **changed}
        _keep_choices(store, actor, chosen, f"{'; '.join(words)}: {why}")
    return words


def _number(text: str, line: SettingLine, problems: list[Problem]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    whole = isinstance(line.shipped, int)
    if not line.low <= value <= line.high or (whole and not value.is_integer()):
        kind = "a whole number" if whole else "a number"
        problems.append(Problem("settings", 0, line.name, text, f"is not {kind} from {line.low:g} to {line.high:g}"))
        return line.value
    return int(value) if whole else value


def _rows_with(store: Store, *rows: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The site plans as they would stand with these rows, the changed ones newest."""
    ids = {row["site_plan_id"] for row in rows}
    return [*(row for row in site_plan_rows(store) if row["site_plan_id"] not in ids), *rows]


def _choices(store: Store) -> dict[str, Any]:
    record = store.get("site_plans", CHOICES)
    return {} if record is None else tomllib.loads(record["plan"])


def _keep_choices(store: Store, actor: Actor, chosen: Mapping[str, Any], why: str) -> None:
    actor.check_everywhere("configure")
    record = store.get("site_plans", CHOICES)
    version = str(record.version + 1 if record else 1)
    row = {
        "site_plan_id": CHOICES,
        "name": CHOICES,
        "version": version,
        "plan": _toml(chosen, version),
        "active": "yes",
    }
    plan_set(site_plan_texts(_rows_with(store, row)))
    store.save("site_plans", row, who=actor.name, why=why, expected_version=record.version if record else None)


def _toml(chosen: Mapping[str, Any], version: str) -> str:
    """The choices as TOML; texts lose control characters, which TOML does not take."""
    omitted = ", ".join(
        f"{{ plan = {_text(item['plan'])}, reason = {_text(item['reason'])} }}" for item in chosen.get("omit", [])
    )
    lines = [
        f"name = {_text(CHOICES)}",
        f"version = {_text(version)}",
        f"use = [{', '.join(map(_text, chosen.get('use', [])))}]",
        f"omit = [{omitted}]",
        "",
        "[settings]",
        *(f"{name} = {value!r}" for name, value in chosen.get("settings", {}).items()),
    ]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    plain = "".join(sign for sign in value if sign.isprintable())
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
