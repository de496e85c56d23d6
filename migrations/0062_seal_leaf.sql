/* The order of the log, written by the sealer (DECISIONS A22): which event is which leaf of the tree, the hash under which it
   was sealed, and its place: the n-th event of the transaction at <epoch>.<pos>. pos 0: its place is not known. */
CREATE TABLE IF NOT EXISTS tidemark_log.seal_leaf (
    leaf BIGINT NOT NULL PRIMARY KEY,
    event BIGINT NOT NULL,
    epoch CHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    pos BIGINT NOT NULL,
    n BIGINT NOT NULL,
    hash BINARY(32) NOT NULL,
    UNIQUE KEY uk_event (event)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
