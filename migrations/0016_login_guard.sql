/* Failed log-ins of an account from an address; survives restarts. guard_key is a hash: no name or address in clear. */
CREATE TABLE IF NOT EXISTS login_guard (
    guard_key BINARY(32) NOT NULL PRIMARY KEY,
    failures INT NOT NULL,
    last_failure_at DATETIME(6) NOT NULL,
    locked_until DATETIME(6) NULL,
    KEY ix_last_failure (last_failure_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
