/* Definitions of forms; their records stand in tables of their own (rec_<key>). state: publishing, live. */
CREATE TABLE IF NOT EXISTS form (
    id BIGINT NOT NULL PRIMARY KEY,
    `key` VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    table_name VARCHAR(60) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    version BIGINT NOT NULL,
    position INT NOT NULL DEFAULT 0,
    definition LONGTEXT NOT NULL,
    collation VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    _rev BIGINT NOT NULL DEFAULT 1,
    UNIQUE KEY uk_key (`key`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
