CREATE TABLE IF NOT EXISTS department (
    id BIGINT NOT NULL PRIMARY KEY,
    `key` VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name VARCHAR(100) NOT NULL,
    parent_id BIGINT NULL,
    position INT NOT NULL DEFAULT 0,
    _rev BIGINT NOT NULL DEFAULT 1,
    UNIQUE KEY uk_key (`key`),
    KEY ix_parent (parent_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
