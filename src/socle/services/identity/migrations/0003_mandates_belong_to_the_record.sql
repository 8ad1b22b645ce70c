-- Who may act on a record is kept with the record (DMP), which decides at each use; a second list would contradict it.
DROP TABLE identity_mandate;
