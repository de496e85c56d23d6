/* Opened with a password of that kind: nothing can be done in it but choosing another one. */
ALTER TABLE session ADD COLUMN IF NOT EXISTS must_change TINYINT NOT NULL DEFAULT 0;
