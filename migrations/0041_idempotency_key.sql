/* Requests that were done, by the key that their sender gave: one that comes again is not done again (server/record/once.c). Neither
   key nor request is kept, only what they hash to. */
CREATE TABLE IF NOT EXISTS idempotency_key (
    user_id BIGINT NOT NULL,
    key_hash BINARY(32) NOT NULL,
    request_hash BINARY(32) NOT NULL,
    records MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    at DATETIME(6) NOT NULL,
    PRIMARY KEY (user_id, key_hash),
    KEY ix_at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
