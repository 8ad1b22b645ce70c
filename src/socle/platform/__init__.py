"""What every service stands on: database, objects, keys, audit, jobs, clock, settings, telemetry."""
