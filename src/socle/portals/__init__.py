"""The web pages. They call services, never tables."""
