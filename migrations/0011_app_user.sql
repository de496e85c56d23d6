/* People and service accounts. login_key is the folded name that must be unique (SECURITY ID-01). */
CREATE TABLE IF NOT EXISTS app_user (
    id BIGINT NOT NULL PRIMARY KEY,
    login VARCHAR(64) NOT NULL,
    login_key VARCHAR(128) NOT NULL,
    name VARCHAR(100) NOT NULL,
    department_id BIGINT NULL,
    password VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NULL,
    disabled_at DATETIME(6) NULL,
    created_at DATETIME(6) NOT NULL,
    _rev BIGINT NOT NULL DEFAULT 1,
    UNIQUE KEY uk_login_key (login_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
