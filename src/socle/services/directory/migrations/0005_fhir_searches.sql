-- Each search parameter of the FHIR API finds its rows by index, whatever is searched. Beginnings are compared byte by
-- byte, whatever the collation of the database; the statistics of what changed are made anew.
ALTER TABLE directory_structure ALTER COLUMN postal_code TYPE text COLLATE "C";
CREATE INDEX directory_structure_siren ON directory_structure (siren) WHERE siren <> '';
CREATE INDEX directory_structure_category ON directory_structure (category, id);
CREATE INDEX directory_structure_name_start ON directory_structure (name_key, id);
CREATE INDEX directory_structure_street ON directory_structure (upper(street) COLLATE "C");
CREATE INDEX directory_structure_street_trigram ON directory_structure USING gin (upper(street) gin_trgm_ops);
CREATE INDEX directory_structure_authority_trigram ON directory_structure USING gin (authority gin_trgm_ops);
-- A page of who bears a name, in the order of keys. Beside (family_key, given_key, id_nat), which PostgreSQL 18 believes
-- it must skip through for each first name.
CREATE INDEX directory_professional_family_page ON directory_professional (family_key, id_nat);
CREATE INDEX directory_professional_given_page ON directory_professional (given_key, id_nat);
CREATE INDEX directory_exercise_category ON directory_exercise (category, id_nat);
CREATE INDEX directory_exercise_skill_type ON directory_exercise (skill_type, id_nat) WHERE skill_type <> '';
CREATE INDEX directory_situation_mode ON directory_situation (mode, id);
CREATE INDEX directory_situation_genre ON directory_situation (genre, id) WHERE genre <> '';
CREATE INDEX directory_situation_role ON directory_situation (role, id) WHERE role <> '';
CREATE INDEX directory_situation_section ON directory_situation (pharmacy_section, id) WHERE pharmacy_section <> '';
ANALYZE directory_structure, directory_professional, directory_exercise, directory_situation;
