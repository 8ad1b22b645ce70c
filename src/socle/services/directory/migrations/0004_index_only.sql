-- A search by profession and place reads the index alone, know-how included: a rare one in a large department too.
DROP INDEX directory_situation_postal;
CREATE INDEX directory_situation_postal ON directory_situation (profession, postal_code, family_key, id)
    INCLUDE (given_key, skill) WHERE is_active;
DROP INDEX directory_situation_city;
CREATE INDEX directory_situation_city ON directory_situation (profession, city_key, family_key, id)
    INCLUDE (given_key, skill) WHERE is_active;
