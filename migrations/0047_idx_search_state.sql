/* How far the search of each form has been filled, and with which readings and fields. */
CREATE TABLE IF NOT EXISTS idx_search_state (
    form BIGINT NOT NULL PRIMARY KEY,
    version VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    through BIGINT NOT NULL,
    done TINYINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
