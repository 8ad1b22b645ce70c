"""One act, two ways: a document goes to the DMP and by secure mail, each proven and retried on its own."""
