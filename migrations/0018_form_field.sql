/* The identity of a field: its key is never changed or used again, its column is known from here only (DECISIONS A19). */
CREATE TABLE IF NOT EXISTS form_field (
    id BIGINT NOT NULL PRIMARY KEY,
    form_id BIGINT NOT NULL,
    `key` VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    column_name VARCHAR(60) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    retired_at DATETIME(6) NULL,
    _rev BIGINT NOT NULL DEFAULT 1,
    UNIQUE KEY uk_form_key (form_id, `key`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
