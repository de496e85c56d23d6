/* Grants that take away, conditions over the record's own values, and masks in place of a field's own. */
ALTER TABLE access_grant
    ADD COLUMN IF NOT EXISTS deny TINYINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS row_filter TEXT NULL,
    ADD COLUMN IF NOT EXISTS masks TEXT CHARACTER SET ascii COLLATE ascii_bin NULL;
