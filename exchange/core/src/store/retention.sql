ALTER TABLE member ADD COLUMN key TEXT NOT NULL DEFAULT '';
ALTER TABLE event ADD COLUMN exchange TEXT;
ALTER TABLE event ADD COLUMN hash TEXT NOT NULL DEFAULT '';
ALTER TABLE exchange ADD COLUMN received_ms INTEGER;
ALTER TABLE exchange ADD COLUMN purged_ms INTEGER;
ALTER TABLE payload ADD COLUMN received_ms INTEGER;
ALTER TABLE payload ADD COLUMN purged_ms INTEGER;
CREATE TABLE gap(
  strand TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL,
  public_key TEXT NOT NULL, signature TEXT NOT NULL, PRIMARY KEY(strand, first)) WITHOUT ROWID;
CREATE TABLE tally(name TEXT NOT NULL, labels TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY(name, labels)) WITHOUT ROWID;
CREATE INDEX member_key ON member(key);
CREATE INDEX member_open ON member(state) WHERE state NOT IN ('completed','partially_completed','failed','expired');
CREATE INDEX review_exchange ON review(exchange);
CREATE INDEX event_exchange ON event(exchange);
CREATE INDEX payload_sha256 ON payload(sha256);
CREATE INDEX known_group_exchange ON known_group(exchange);
CREATE INDEX exchange_outcome ON exchange(traffic, cohort, settled_ms, id);
CREATE INDEX exchange_received ON exchange(received_ms) WHERE purged_ms IS NULL;
CREATE INDEX audit_own ON audit(kind, at_ms) WHERE exchange IS NULL;
