"""Where records live: one behaviour, kept by SQLite or PostgreSQL; the audit trail."""
