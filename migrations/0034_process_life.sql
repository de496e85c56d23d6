/* When a process last said that it lives, and how far its feed had come (server/db/slot.c). */
ALTER TABLE process_slot
    ADD COLUMN IF NOT EXISTS seen_at DATETIME(6) NULL,
    ADD COLUMN IF NOT EXISTS pos VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NULL;
