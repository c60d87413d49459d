"""What can go wrong with a store, beyond a wrong value."""

from __future__ import annotations

from aftercar.errors import Conflict, InputError, MissingEngine, NotPermitted


class StaleVersion(Conflict):
    """The record was changed by somebody else since it was read."""

    code = "stale-version"


class StoreBusy(Conflict):
    """Somebody else has been writing for longer than we waited."""

    code = "store-busy"


class DatabaseAway(MissingEngine):
    """The database server does not answer, or ended the connection."""

    code = "database-away"


class AuditBroken(Conflict):
    """The records and the audit trail do not prove each other."""

    code = "audit-broken"


class NoStore(InputError):
    """There is no registry at the address, or it was not initialised."""

    code = "no-store"


class StoreVersion(InputError):
    """The database has another schema version than this program."""

    code = "store-version"


class Erased(NotPermitted):
    """The record was lawfully erased and may not come back by itself."""

    code = "erased"
