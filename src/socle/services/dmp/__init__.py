"""DMP: the shared medical record. One store behind the XDS and FHIR doors, the portals and the command line."""
