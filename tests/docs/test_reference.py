"""Nothing is left out of the reference: commands and their options, error codes, settings, columns, environment, addresses."""

import re

import aftercar.edges.oidc  # noqa: F401  (its classes are looked for below)
from aftercar.cli.main import COMMANDS, NOUNS
from aftercar.vocab.tables import all_tables
from tests.docs.api_page import document
from tests.docs.generate import all_errors, columns_page, commands_page, errors_page
from tests.docs.settings_page import ENVIRONMENT, GROUPS, PACKAGE, settings_page, variables

#: Classes called Settings that nobody sets: what the web app hands to its own processes.
OWN = {"web/serve.py"}


def test_every_command_and_option_says_what_it_does():
    sections = re.split(r"^#{2,3} aftercar ", commands_page(), flags=re.MULTILINE)[1:]
    assert len(sections) > 60
    for name in (*NOUNS, *COMMANDS):
        assert any(section.startswith((f"{name} ", f"{name}\n")) and "| option |" in section for section in sections), name
    for section in sections:
        name, _, body = section.partition("\n")
        assert body.strip(), f"aftercar {name} has no help"
        for line in re.findall(r"^\| `(.+?)` \|\s*\|$", body, re.MULTILINE):
            raise AssertionError(f"aftercar {name}: {line} has no help")


def test_every_error_code_says_what_it_means():
    page = errors_page()
    for error in all_errors():
        assert f"`{error.code}`" in page
        assert error.__doc__, error
    assert len({error.code for error in all_errors()}) > 20


def test_one_code_means_one_exit_status():
    statuses = {}
    for error in all_errors():
        assert statuses.setdefault(error.code, error.exit_status) == error.exit_status, error


def test_every_column_is_on_the_page():
    page = columns_page()
    for table in all_tables().values():
        section = page.split(f"## {table.name}\n", 1)[1].split("\n## ")[0]
        assert all(f"| `{column.name}` |" in section for column in table.columns)


def test_every_class_of_settings_is_on_the_page():
    page, known = settings_page(), {group.__module__ for group, _, _ in GROUPS}
    for path in PACKAGE.rglob("*.py"):
        place = path.relative_to(PACKAGE).as_posix()
        if re.search(r"^class \w*Settings\b(?!\(\w*Input)", path.read_text(encoding="utf-8"), re.MULTILINE) and place not in OWN:
            assert "aftercar." + place.removesuffix(".py").replace("/", ".") in known, place
    for group, heading, _ in GROUPS:
        section = page.split(f"## {heading}\n", 1)[1].split("\n## ")[0]
        for name in group.__dataclass_fields__:
            assert re.search(rf"^\| `{name}` \|.*\| \S.+ \|$", section, re.MULTILINE), f"{heading}: {name}"


def test_every_environment_variable_is_on_the_page():
    assert variables() == set(ENVIRONMENT)


def test_every_address_says_what_it_does():
    paths = document()["paths"]
    assert len(paths) > 40
    for path, methods in paths.items():
        for method, operation in methods.items():
            assert operation.get("description", "").strip(), f"{method} {path} has no sentence"
