/* Auto numbers are drawn in blocks outside the transaction: unique, with gaps (DECISIONS A30). */
CREATE TABLE IF NOT EXISTS auto_number (
    field_id BIGINT NOT NULL PRIMARY KEY,
    next_number BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
