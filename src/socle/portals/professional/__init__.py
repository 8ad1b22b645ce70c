"""The professional's desk, at ``/pro``."""
