"""The processes of a running base: one supervisor, PostgreSQL, web workers, a job worker, a mail process."""
