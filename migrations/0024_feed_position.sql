/* How far the check for unaudited changes has come, so that what happened while nobody served is found at the next start. */
CREATE TABLE IF NOT EXISTS feed_position (
    name VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    gtid VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    at DATETIME(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
