"""A portable backup: one zip with a manifest and every table as JSON Lines, the same for SQLite and PostgreSQL."""
