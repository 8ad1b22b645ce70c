"""The citizen's space, at ``/espace``."""
