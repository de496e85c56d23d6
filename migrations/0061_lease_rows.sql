/* One row for each such work. */
INSERT IGNORE INTO lease (name, term, holder, until) VALUES ('seal', 0, '', UTC_TIMESTAMP(6));
