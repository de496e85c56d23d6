/* Who is at a record, and in which field (server/live/presence.c). Bookkeeping: never audited. */
CREATE TABLE IF NOT EXISTS presence (
    id BIGINT NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL,
    form VARCHAR(41) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    record BIGINT NOT NULL,
    field VARCHAR(41) CHARACTER SET ascii COLLATE ascii_bin NULL,
    at DATETIME(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
