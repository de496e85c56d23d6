/* Work that one process does at a time: held by the clock of the database; the term tells an old holder from the new one (DECISIONS A23). */
CREATE TABLE IF NOT EXISTS lease (
    name VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    term BIGINT NOT NULL,
    holder CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    until DATETIME(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
