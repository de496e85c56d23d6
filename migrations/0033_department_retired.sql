/* A department that is no longer in use: nobody is put there any more, its records stay where they are. */
ALTER TABLE department ADD COLUMN IF NOT EXISTS retired_at DATETIME(6) NULL;
