-- Accesses that holders do not recognise, for the operator to look at.
CREATE INDEX dmp_notice_reports ON dmp_notice (at) WHERE recipient_id = 'operator';
