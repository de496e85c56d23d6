/* Slots for ids (server/base/id.h): leased by the clock of the database. A bookkeeping table: never audited. */
CREATE TABLE IF NOT EXISTS process_slot (
    slot SMALLINT NOT NULL PRIMARY KEY,
    holder CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    expires_at DATETIME(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
