/* One row: who this installation is. `epoch` opens every position "<epoch>.<n>": a restore writes a new one. */
CREATE TABLE IF NOT EXISTS instance (
    id TINYINT NOT NULL PRIMARY KEY CHECK (id = 1),
    uuid CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    epoch CHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at DATETIME(6) NOT NULL,
    demo_state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
