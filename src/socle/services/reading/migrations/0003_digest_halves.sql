-- Results and facts apart, since no page needs both; and the stamp of the documents that were read when all of them were.
ALTER TABLE reading_digest
    ADD COLUMN sealed_facts bytea NOT NULL DEFAULT '',
    ADD COLUMN stamp text NOT NULL DEFAULT '';
