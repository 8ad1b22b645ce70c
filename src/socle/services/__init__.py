"""One folder a service, each the only owner of its tables."""
