/* One row, read in share mode by every write and raised by every change of forms, people or rights (DECISIONS A12). */
CREATE TABLE IF NOT EXISTS catalog_epoch (
    id TINYINT NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
