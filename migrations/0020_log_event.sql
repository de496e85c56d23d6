/* The log: append-only by the grants of its schema. The primary key is the proof of a transaction (server/db/tx.h).
   `changes` is a JSON array of {"field","before","after"}; `records` the ids of a list, eight bytes each, big-endian. */
CREATE TABLE IF NOT EXISTS tidemark_log.event (
    id BIGINT NOT NULL PRIMARY KEY,
    at DATETIME(6) NOT NULL,
    actor_id BIGINT NULL,
    login VARCHAR(64) NOT NULL,
    action VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    form VARCHAR(41) CHARACTER SET ascii COLLATE ascii_bin NULL,
    record BIGINT NULL,
    rev BIGINT NULL,
    records BLOB NULL,
    changes LONGTEXT NULL,
    session BIGINT NULL,
    address VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
    request VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NULL,
    detail TEXT NULL,
    KEY ix_record (record, id),
    KEY ix_login (login, id),
    KEY ix_at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
