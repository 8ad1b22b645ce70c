-- A search by name filters by profession and place inside the index.
DROP INDEX directory_situation_family;
CREATE INDEX directory_situation_family ON directory_situation (family_key, given_key, id)
    INCLUDE (profession, skill, postal_code, city_key, is_active);
DROP INDEX directory_situation_given;
CREATE INDEX directory_situation_given ON directory_situation (given_key, family_key, id)
    INCLUDE (profession, skill, postal_code, city_key, is_active);
CREATE INDEX directory_word_uses ON directory_word (kind, uses DESC);
