-- migrate:up
-- What each proof of the isolation found. The report is kept as the text that was signed, byte by byte: jsonb would put its
-- members in another order.
CREATE TABLE control.proofs (
  id        uuid PRIMARY KEY,
  at        timestamptz NOT NULL,
  took_ms   int NOT NULL CHECK (took_ms >= 0),
  ok        bool NOT NULL,
  checks    int NOT NULL CHECK (checks >= 0),
  leaks     int NOT NULL CHECK (leaks >= 0),
  oracles   int NOT NULL CHECK (oracles >= 0),
  unproven  int NOT NULL CHECK (unproven >= 0),
  report    json NOT NULL,
  signature text NOT NULL
);
CREATE INDEX proofs_recent ON control.proofs (at DESC, id DESC);
GRANT SELECT, INSERT, DELETE ON control.proofs TO app_control;

-- migrate:down
DROP TABLE control.proofs;
