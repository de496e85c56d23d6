/* One row: where the sealer stands. gtid: where its feed begins again; pos and n: the last event sealed; edge: the tree's right
   edge, which must give the last seal's root; found_after to found_to: ids among which events without a place are still looked for. */
CREATE TABLE IF NOT EXISTS seal_head (
    id TINYINT NOT NULL PRIMARY KEY CHECK (id = 1),
    gtid VARCHAR(80) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    pos BIGINT NOT NULL,
    n BIGINT NOT NULL,
    edge BLOB NOT NULL,
    found_after BIGINT NOT NULL,
    found_to BIGINT NOT NULL,
    gap VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
