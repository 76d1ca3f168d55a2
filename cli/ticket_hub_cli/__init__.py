"""The `ticket` command."""
