"""Traces seen from outside: who may read which, as FHIR AuditEvents (BALP, TdE), and traces fed by others (ITI-20)."""
