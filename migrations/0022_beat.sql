/* One row, written once a second by whichever process is first: the clock of the feed (DECISIONS A14). Bookkeeping: never audited. */
CREATE TABLE IF NOT EXISTS beat (
    id TINYINT NOT NULL PRIMARY KEY CHECK (id = 1),
    at DATETIME(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
