"""The `socle` command."""
