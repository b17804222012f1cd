"""Reads a carrier's catalogue over TMF620 Product Catalog Management v4."""
