-- migrate:up
-- The editor saves while somebody types, and the history keeps what they arrived at and not every pause between. While
-- typing_by is set, the text that stands in proposals is theirs and is not in proposal_versions yet: whatever replaces or
-- judges it puts it there first.
ALTER TABLE proposals NO FORCE ROW LEVEL SECURITY; -- or the foreign key would be taken for valid unread
ALTER TABLE users NO FORCE ROW LEVEL SECURITY;
ALTER TABLE proposals
  ADD COLUMN typing_by uuid,
  ADD COLUMN typing_since timestamptz,
  ADD CONSTRAINT proposals_typing CHECK ((typing_by IS NULL) = (typing_since IS NULL)),
  ADD CONSTRAINT proposals_typist_fkey FOREIGN KEY (tenant_id, typing_by) REFERENCES users (tenant_id, id);
ALTER TABLE users FORCE ROW LEVEL SECURITY;
ALTER TABLE proposals FORCE ROW LEVEL SECURITY;
CREATE INDEX proposals_typist ON proposals (tenant_id, typing_by) WHERE typing_by IS NOT NULL;

-- Who has a proposal open: a row counts for less than a minute, and each replaces the person's one before.
CREATE TABLE proposal_presence (
  tenant_id   uuid NOT NULL,
  id          uuid NOT NULL,
  proposal_id uuid NOT NULL,
  user_id     uuid NOT NULL,
  seen_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, proposal_id) REFERENCES proposals (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX proposal_presence_proposal ON proposal_presence (tenant_id, proposal_id);
CREATE INDEX proposal_presence_user ON proposal_presence (tenant_id, user_id);
CALL app.protect('proposal_presence');

-- migrate:down
DROP TABLE proposal_presence;
ALTER TABLE proposals DROP COLUMN typing_by, DROP COLUMN typing_since;
