INSERT IGNORE INTO catalog_epoch (id, epoch) VALUES (1, 1);
