-- name: use_token
-- Notes that a token is used; touches no row when it already was. Not patient data: read by token.
INSERT INTO used_token (token, until) VALUES (:token, :until) ON CONFLICT DO NOTHING

-- name: forget_tokens
-- Forgets tokens whose time is over.
DELETE FROM used_token WHERE until < :now
