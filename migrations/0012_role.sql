/* rights: names of server/access/rights.def with blanks between; what a role may do beside records. */
CREATE TABLE IF NOT EXISTS role (
    id BIGINT NOT NULL PRIMARY KEY,
    `key` VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name_zh VARCHAR(100) NOT NULL,
    name_en VARCHAR(100) NOT NULL,
    rights VARCHAR(1000) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    _rev BIGINT NOT NULL DEFAULT 1,
    UNIQUE KEY uk_key (`key`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
