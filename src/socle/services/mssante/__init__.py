"""MSSanté: mailboxes, their messages, the mail servers, and the rules of the trust space."""
