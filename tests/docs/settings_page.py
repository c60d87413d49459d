"""The page of settings, made from the classes that hold them and from the environment variables that the code reads."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path

import aftercar
from aftercar.cases.duplicates import DuplicateSettings
from aftercar.cases.settings import CausalitySettings
from aftercar.cohort.rules import Rules
from aftercar.edges.oidc import OidcSettings
from aftercar.edges.study import Settings as StudySettings
from aftercar.evidence.settings import Settings as EvidenceSettings
from aftercar.reads.lmpcr import Settings as LmpcrSettings
from aftercar.registry.settings import SOURCES
from aftercar.registry.settings import Settings as RegistrySettings

PACKAGE = Path(aftercar.__file__).parent

#: Class, heading, how it is set.
GROUPS = (
    (StudySettings, "A study", "Under `[settings]` in `study.toml`; each value travels into the provenance of the report."),
    (
        RegistrySettings,
        "A registry",
        "Under `[settings]` of a site's plan (`aftercar registry plan --add`), or in the web app's settings.",
    ),
    (EvidenceSettings, "A sample's verdict", "Working values; those with an option of `aftercar sample test` are set there."),
    (CausalitySettings, "Causality", "Working values without validation, printed with each result; set from Python."),
    (DuplicateSettings, "Duplicate cases", "Set from Python; the threshold by `aftercar case duplicates --threshold`."),
    (Rules, "The cohort", "Set from Python; printed under the tables that rest on them."),
    (LmpcrSettings, "LM-PCR reads", "Set from Python; those with an option of `aftercar sites call` are set there."),
    (OidcSettings, "Sign-in by the organisation", "In the file of `aftercar web --oidc`, or in the environment."),
)

#: What each environment variable does.
ENVIRONMENT = {
    "AFTERCAR_DATABASE": "The registry of every command that takes `--database`.",
    "AFTERCAR_TRACEBACK": "Any value: an internal error prints its traceback.",
    "AFTERCAR_NO_NUMBA": "Any value: compiled kernels are off, the same results come slower from NumPy.",
    "AFTERCAR_SNAKEMAKE": "The Snakemake program that `aftercar assess --cluster` starts.",
    "AFTERCAR_MAIL_HOST": "Mail server of the web app, as `--mail-host`.",
    "AFTERCAR_MAIL_PORT": "Its port, as `--mail-port`.",
    "AFTERCAR_MAIL_FROM": "Sender's address, as `--mail-from`.",
    "AFTERCAR_MAIL_USER": "Account at the mail server.",
    "AFTERCAR_MAIL_PASSWORD": "Its password; in the environment only.",
    "AFTERCAR_OIDC_FILE": "Settings of the organisation's sign-in, as `aftercar web --oidc`.",
    "AFTERCAR_OIDC_ISSUER": "Stands over `issuer` of that file.",
    "AFTERCAR_OIDC_CLIENT_ID": "Stands over `client_id`.",
    "AFTERCAR_OIDC_CLIENT_SECRET": "The client's secret; in the environment only.",
    "AFTERCAR_OIDC_LABEL": "Stands over `label`.",
    "AFTERCAR_OIDC_ADDRESS": "Stands over `address`.",
    "AFTERCAR_WEB_SETTINGS": "Set by the web app for its own processes; not for people.",
}


def variables() -> set[str]:
    """The environment variables that the code names."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    return set(re.findall(r"[\"'](AFTERCAR_[A-Z_]+)[\"'=]", text))


def settings_page() -> str:
    """Every setting with its default and meaning, and every environment variable."""
    lines = [
        "# Settings",
        "",
        "Made from the code. No value here is a regulator's or a published cut-off unless its source says so.",
        "",
    ]
    for group, heading, how in GROUPS:
        lines += [f"## {heading}", "", how, "", "| setting | default | what it does |", "|---|---|---|"]
        lines += [f"| `{name}` | {default} | {about} |" for name, default, about in _rows(group)]
        lines.append("")
        if group is RegistrySettings:
            lines += ["| setting | source |", "|---|---|", *(f"| `{name}` | {source} |" for name, source in SOURCES.items()), ""]
    lines += ["## Environment variables", "", "| variable | what it does |", "|---|---|"]
    lines += [f"| `{name}` | {ENVIRONMENT[name]} |" for name in sorted(variables())]
    return "\n".join(lines) + "\n"


def _rows(group: type) -> list[tuple[str, str, str]]:
    assert is_dataclass(group)
    told = _described(group.__doc__ or "")
    rows = []
    for item in fields(group):
        made = item.default_factory() if item.default_factory is not MISSING else item.default
        shown = "" if made is MISSING else f"`{made!r}`".replace("|", "/")
        rows.append((item.name, shown, told[item.name]))
    return rows


def _described(text: str) -> dict[str, str]:
    """Attribute to sentence, from a docstring's ``Attributes:`` section; ``a, b: words`` describes both."""
    body = text.split("Attributes:", 1)[1] if "Attributes:" in text else ""
    found: dict[str, str] = {}
    for part in re.split(r"\n {8}(?=[a-z_0-9, ]+:)", body):
        names, _, about = part.strip().partition(":")
        for name in names.split(","):
            sentence = " ".join(about.split()).replace("|", "/")
            found[name.strip()] = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", sentence).replace("``", "`")
    return found
