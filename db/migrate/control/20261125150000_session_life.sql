-- migrate:up
-- What stays of a session while its digest changes at each switch, and when it was last used (to a few minutes): a session
-- that nobody uses ends long before its time is over.
ALTER TABLE control.sessions
  ADD COLUMN id      uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
  ADD COLUMN seen_at timestamptz NOT NULL DEFAULT now();

-- migrate:down
ALTER TABLE control.sessions DROP COLUMN seen_at, DROP COLUMN id;
