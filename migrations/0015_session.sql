/* token_hash is the SHA-256 of the cookie: the cookie itself is stored nowhere (SECURITY SE-01). */
CREATE TABLE IF NOT EXISTS session (
    id BIGINT NOT NULL PRIMARY KEY,
    token_hash BINARY(32) NOT NULL,
    user_id BIGINT NOT NULL,
    started_at DATETIME(6) NOT NULL,
    last_seen_at DATETIME(6) NOT NULL,
    ends_at DATETIME(6) NOT NULL,
    ended_at DATETIME(6) NULL,
    end_reason VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL,
    address VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    agent VARCHAR(255) NOT NULL,
    UNIQUE KEY uk_token_hash (token_hash),
    KEY ix_user (user_id, ended_at),
    KEY ix_ended (ended_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
