/* What a search begins with, by field: three bytes of the field, then up to ten of a word (server/record/search.c). An index:
   never captured by the feed, made anew at will. */
CREATE TABLE IF NOT EXISTS idx_search_word (
    word VARBINARY(13) NOT NULL,
    id BIGINT NOT NULL,
    PRIMARY KEY (word, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
