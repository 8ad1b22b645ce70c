-- One trigram index a kind: the few thousand first names are not searched among the family names.
DROP INDEX directory_word_trigram;
CREATE INDEX directory_word_family_trigram ON directory_word USING gin (word gin_trgm_ops) WHERE kind = 'F';
CREATE INDEX directory_word_given_trigram ON directory_word USING gin (word gin_trgm_ops) WHERE kind = 'G';
CREATE INDEX directory_word_city_trigram ON directory_word USING gin (word gin_trgm_ops) WHERE kind = 'C';
