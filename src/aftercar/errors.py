"""One family of errors: each says what was wrong, with which input, and the next step.

An error carries a ``code`` (an anchor in ``docs/errors.md``) and an ``exit_status`` for the command
line. A module that can fail in a way of its own defines a subclass with its own ``code`` beside the
code that raises it; the docs page lists every subclass, and a test keeps the two equal.

    >>> error = InputError("VAF is above 1", where="tumour.vcf line 12, AF=1.4", fix="check the AF field")
    >>> print(error)
    VAF is above 1 (tumour.vcf line 12, AF=1.4). Next: check the AF field.
    >>> error.exit_status
    3
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

#: Problems printed at most; a wrong export of a large registry has one in every row.
_MOST_SHOWN = 500


class AfterCarError(Exception):
    """The base of every error that AfterCAR raises on purpose."""

    code = "aftercar"
    exit_status = 70

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what = what
        self.where = where
        self.fix = fix
        super().__init__(what, where, fix)

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        step = f" Next: {self.fix.rstrip('.')}." if self.fix else ""
        return f"{self.what.rstrip('.')}{place}.{step}"


class UsageError(AfterCarError, ValueError):
    """The command or call was put together wrongly."""

    code = "usage"
    exit_status = 2


class InputError(AfterCarError, ValueError):
    """A file, a record or a value given by the user is not acceptable."""

    code = "input"
    exit_status = 3


class MissingEngine(AfterCarError, RuntimeError):
    """An external program, an optional library or a database is not there."""

    code = "engine-missing"
    exit_status = 4


class Conflict(AfterCarError, RuntimeError):
    """Somebody else changed or locked the record in the meantime."""

    code = "conflict"
    exit_status = 5


class NotPermitted(AfterCarError, PermissionError):
    """The person may not do this, or not to this record."""

    code = "not-permitted"
    exit_status = 6


class InternalError(AfterCarError, AssertionError):
    """Our fault: something that cannot be true was found to be true."""

    code = "internal"
    exit_status = 70


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a table: where, what was there, which rule it breaks, what to do.

    ``row`` is the line number in the file as an editor or Excel shows it (the header is line 1);
    0 means the whole file.
    """

    file: str
    row: int
    column: str
    value: str
    rule: str
    fix: str = ""

    def __str__(self) -> str:
        place = self.file + (f" line {self.row}" if self.row else "") + (f", column {self.column}" if self.column else "")
        shown = f" {self.value!r}" if self.value else ""
        step = f" Next: {self.fix.rstrip('.')}." if self.fix else ""
        return f"{place}:{shown} {self.rule.rstrip('.')}.{step}"


class InvalidTables(InputError):
    """Every problem found in one pass over a set of tables; nothing of them was accepted."""

    code = "invalid-tables"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"{len(self.problems)} problem(s) found, nothing was accepted")

    def __str__(self) -> str:
        shown = [f"  {problem}" for problem in self.problems[:_MOST_SHOWN]]
        left = len(self.problems) - len(shown)
        return "\n".join([f"{self.what}:", *shown, *([f"  ... and {left:,} more"] if left else [])])

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.problems)
