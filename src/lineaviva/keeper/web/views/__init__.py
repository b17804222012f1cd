"""What people reach by a browser; each view calls actions and queries and shows a template."""
