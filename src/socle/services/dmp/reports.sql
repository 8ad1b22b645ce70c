-- name: list_reports
-- Accesses that holders do not recognise, those without an answer first, and the answers. An answer is the holder's own
-- notice on the same access: its key is that of the report without the recipient.
SELECT r.patient_key, r.at, split_part(r.dedupe_key, ':', 2)::bigint AS sequence, r.text_fr, r.text_en,
    r.notice_id, r.sealed_words, a.at AS answered_at, a.notice_id AS answer_id, a.sealed_words AS sealed_answer
FROM dmp_notice r LEFT JOIN dmp_notice a ON a.patient_key = r.patient_key
    AND a.dedupe_key = left(r.dedupe_key, -length(r.recipient_id))
WHERE r.recipient_id = 'operator' ORDER BY a.at IS NOT NULL, r.at DESC LIMIT :count;

-- name: find_report
-- One of them.
SELECT at FROM dmp_notice WHERE patient_key = :patient_key AND dedupe_key = :dedupe_key;
