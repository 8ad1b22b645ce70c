-- A letter is found or stolen without the matricule of its holder: that matricule is not to be guessed.
ALTER TABLE identity_activation ADD COLUMN tries integer NOT NULL DEFAULT 0;
