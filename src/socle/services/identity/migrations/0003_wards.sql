-- The fictitious children of fictitious citizens: subjects of their legal representatives.
ALTER TABLE identity_persona ADD COLUMN guardians uuid[] NOT NULL DEFAULT '{}';
CREATE INDEX identity_persona_guardians ON identity_persona USING gin (guardians);
