"""MSSanté messages: addresses, headers, composition, reading, DSN, MDN, and the grammars of SMTP and IMAP."""
