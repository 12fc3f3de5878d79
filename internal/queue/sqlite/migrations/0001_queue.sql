-- A small row per message (message) apart from the large one (body), so that a
-- change of state rewrites tens of bytes. Times are Unix nanoseconds.

-- The one row of the database about itself.
CREATE TABLE meta (
  one      INTEGER PRIMARY KEY CHECK (one = 1),
  identity TEXT    NOT NULL, -- tells databases apart, see the state file
  tag      INTEGER NOT NULL, -- 24 bits in front of every message id
  next_seq INTEGER NOT NULL, -- above every seq that was ever given out
  beat     INTEGER NOT NULL, -- changed to prove that commits work
  counted  INTEGER NOT NULL  -- whether queued and leased in lane are right
) STRICT;
INSERT INTO meta VALUES (1, lower(hex(randomblob(16))), random() & 0xffffff, 1, 0, 1);

-- A route and target, with the number of its messages per state. While the
-- database is in use, queued and leased are kept in memory only: here they
-- would cost a page of the log with every commit.
CREATE TABLE lane (
  id        INTEGER PRIMARY KEY,
  route     TEXT    NOT NULL,
  target    TEXT    NOT NULL,
  queued    INTEGER NOT NULL DEFAULT 0,
  leased    INTEGER NOT NULL DEFAULT 0,
  delivered INTEGER NOT NULL DEFAULT 0,
  dead      INTEGER NOT NULL DEFAULT 0,
  canceled  INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The state of a message. A message that just came in may have none yet: all
-- in body behind the last seq here are queued (see loose.go).
CREATE TABLE message (
  seq      INTEGER PRIMARY KEY,
  lane     INTEGER NOT NULL,
  state    INTEGER NOT NULL DEFAULT 0,
  due      INTEGER NOT NULL,           -- queued, canceled: earliest delivery; leased: end of the lease
  received INTEGER NOT NULL,
  since    INTEGER,                    -- when its present life began; null if it was received then
  attempt  INTEGER NOT NULL DEFAULT 0,
  lease    INTEGER NOT NULL DEFAULT 0, -- salt of the present or just expired lease
  size     INTEGER NOT NULL,           -- octets of the payload
  chosen   TEXT,                       -- the id, if a publisher chose it
  reason   TEXT                        -- why it is dead
) STRICT;
CREATE INDEX message_ready ON message (lane, due, seq) WHERE state = 0;
CREATE INDEX message_leased ON message (due) WHERE state = 1;
-- Lists, by lane or also by state, and what is to be dropped for its age. The
-- partial ones are not touched by messages that come, are leased and go.
CREATE INDEX message_lane ON message (lane, received);
CREATE INDEX message_ended ON message (lane, state, received) WHERE state >= 2;
CREATE INDEX message_age ON message (state, since) WHERE state >= 2;
CREATE UNIQUE INDEX message_chosen ON message (chosen) WHERE chosen IS NOT NULL;

-- What of a message never changes.
CREATE TABLE body (
  seq      INTEGER PRIMARY KEY,
  lane     INTEGER NOT NULL,
  received INTEGER NOT NULL,
  due      INTEGER,          -- when it came in; null if the same as received
  envelope BLOB NOT NULL,
  payload  BLOB NOT NULL
) STRICT;

-- What operators stopped: a route, or with a target only that.
CREATE TABLE pause (
  route  TEXT    NOT NULL,
  target TEXT    NOT NULL,
  since  INTEGER NOT NULL,
  PRIMARY KEY (route, target)
) STRICT, WITHOUT ROWID;

-- The backlog at times, each with the numbers of its lanes (see CutLaneTrend of
-- package queue).
CREATE TABLE trend (
  at     INTEGER PRIMARY KEY,
  queued INTEGER NOT NULL,
  leased INTEGER NOT NULL,
  dead   INTEGER NOT NULL,
  lanes  BLOB    NOT NULL
) STRICT;

-- The routes that operators gave to endpoints.
CREATE TABLE mapping (
  application TEXT    NOT NULL,
  endpoint    TEXT    NOT NULL,
  route       TEXT    NOT NULL UNIQUE,
  since       INTEGER NOT NULL,
  PRIMARY KEY (application, endpoint)
) STRICT, WITHOUT ROWID;

-- Versions of secrets that operators added, encrypted.
CREATE TABLE sealed_secret (
  pool       TEXT    NOT NULL,
  id         TEXT    NOT NULL,
  sealed     BLOB    NOT NULL, -- empty for one that must not come back
  not_before INTEGER NOT NULL,
  not_after  INTEGER,          -- null for no end
  created    INTEGER NOT NULL,
  PRIMARY KEY (pool, id)
) STRICT, WITHOUT ROWID;

-- Claims of one transaction, short or long ones: 16 octets of key and 8 of end
-- each. They are looked up in memory; the table is the log to load them from.
CREATE TABLE claim (
  id     INTEGER PRIMARY KEY,
  until  INTEGER NOT NULL, -- the latest end
  claims BLOB    NOT NULL
) STRICT;

-- Deliveries that were tried. The indexes end with id, as all do.
CREATE TABLE attempt (
  id      INTEGER PRIMARY KEY,
  message TEXT    NOT NULL, -- the id that the APIs show
  lane    INTEGER NOT NULL,
  number  INTEGER NOT NULL, -- 1 for the first of the message
  status  INTEGER NOT NULL, -- 0 without an answer
  error   TEXT    NOT NULL,
  outcome TEXT    NOT NULL,
  reason  TEXT    NOT NULL,
  at      INTEGER NOT NULL, -- when it began
  latency INTEGER NOT NULL  -- in nanoseconds
) STRICT;
CREATE INDEX attempt_at ON attempt (at);
CREATE INDEX attempt_message ON attempt (message, at);
