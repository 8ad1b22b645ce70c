-- What a person wrote in a report or in its answer, sealed with the patient's key; the rest of a notice is ours.
ALTER TABLE dmp_notice ADD COLUMN sealed_words bytea NOT NULL DEFAULT '';
