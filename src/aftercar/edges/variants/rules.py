"""Rule-set files: the built-in default and the user's own."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

from aftercar.biomarkers.rule_sets import BadRuleSet, RuleSet, rule_set
from aftercar.edges.files import existing_file

BUILTIN = "builtin-1"


def read_rules(path: Path | None = None) -> RuleSet:
    """The rule set in a TOML file; the built-in default when None.

    Raises:
        BadRuleSet: when it is not TOML or breaks a rule of its own.
    """
    if path is None:
        return builtin_rules()
    existing_file(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadRuleSet(
            f"not valid TOML: {error}", where=str(path), fix="compare with: aftercar biomarkers ch --show-rules"
        ) from None
    return rule_set(content, where=path.name)


def builtin_text() -> str:
    """The built-in rule set as its file."""
    return (resources.files("aftercar.biomarkers") / "rules" / f"{BUILTIN}.toml").read_text(encoding="utf-8")


def builtin_rules() -> RuleSet:
    """The small default written from papers."""
    return rule_set(tomllib.loads(builtin_text()), where=f"{BUILTIN}.toml")
