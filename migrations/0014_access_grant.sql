/* What a role may do with the records of one form: on which rows, which actions, which fields at which level. */
CREATE TABLE IF NOT EXISTS access_grant (
    id BIGINT NOT NULL PRIMARY KEY,
    role_id BIGINT NOT NULL,
    form VARCHAR(41) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    row_rule VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    actions VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    fields TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    _rev BIGINT NOT NULL DEFAULT 1,
    KEY ix_role (role_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
