"""Where records live: one behaviour, kept by SQLite or PostgreSQL, with the audit trail."""

from aftercar.store.audit import Anchor, Entry
from aftercar.store.errors import AuditBroken, DatabaseAway, Erased, NoStore, StaleVersion, StoreBusy, StoreVersion
from aftercar.store.store import Store, create_store, open_store
from aftercar.store.transaction import Changes, Record, Transaction

__all__ = [
    "Anchor",
    "AuditBroken",
    "Changes",
    "DatabaseAway",
    "Entry",
    "Erased",
    "NoStore",
    "Record",
    "StaleVersion",
    "Store",
    "StoreBusy",
    "StoreVersion",
    "Transaction",
    "create_store",
    "open_store",
]
