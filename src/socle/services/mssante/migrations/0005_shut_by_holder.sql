-- Whether a suspended box is so by its holder's own act: the operator's suspension is the operator's alone to end.
-- Until now nothing told one from the other: what is suspended today stays its holder's to open.
ALTER TABLE mss_mailbox ADD COLUMN is_shut_by_holder boolean NOT NULL DEFAULT false;
UPDATE mss_mailbox SET is_shut_by_holder = true WHERE kind = 'CITIZEN' AND state = 'SUSPENDED';
