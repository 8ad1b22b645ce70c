"""IHE_XDM archives: documents and their metadata in a ZIP file that travels by mail."""
