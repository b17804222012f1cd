"""Lines as a table: read from CSV as spreadsheets write it, planned, written all or nothing, and given back."""
