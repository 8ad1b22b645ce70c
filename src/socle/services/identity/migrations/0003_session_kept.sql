-- What a login is looking at (a patient's record, a relative's), as JSON of the portal.
ALTER TABLE identity_session ADD COLUMN kept text NOT NULL DEFAULT '';
