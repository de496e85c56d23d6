/* The readings of each text that is searched, by record and field (server/text/pinyin.c). */
CREATE TABLE IF NOT EXISTS idx_search_text (
    record BIGINT NOT NULL,
    field BIGINT NOT NULL,
    reading TEXT NOT NULL,
    PRIMARY KEY (record, field)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
