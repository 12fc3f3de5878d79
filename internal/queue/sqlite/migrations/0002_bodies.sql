-- A large payload may be in a file beside the database for a while (see
-- bodies.go): then payload is empty, and this is where to find it.
ALTER TABLE body ADD COLUMN segment INTEGER;
ALTER TABLE body ADD COLUMN at INTEGER;
ALTER TABLE body ADD COLUMN length INTEGER;
ALTER TABLE body ADD COLUMN sum INTEGER;
CREATE INDEX body_segment ON body (segment) WHERE segment IS NOT NULL;
