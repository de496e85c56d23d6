/* A password that an administrator or a command made is good until then, for one thing: choosing one's own. NULL: it is one's own. */
ALTER TABLE app_user ADD COLUMN IF NOT EXISTS password_until DATETIME(6) NULL;
