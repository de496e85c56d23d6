/* The signed seals over the first `size` leaves (docs/audit-format.md). */
CREATE TABLE IF NOT EXISTS tidemark_log.seal (
    number BIGINT NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL,
    root BINARY(32) NOT NULL,
    prev BINARY(32) NULL,
    at DATETIME(6) NOT NULL,
    term BIGINT NOT NULL,
    pos VARCHAR(47) CHARACTER SET ascii COLLATE ascii_bin NULL,
    found BIGINT NOT NULL,
    gap VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NULL,
    signer BINARY(32) NOT NULL,
    next_signer BINARY(32) NULL,
    signature BINARY(64) NOT NULL,
    KEY ix_at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
