"""A saga of four steps that do nothing: once on the agenda, once on a hand-written lease table."""
