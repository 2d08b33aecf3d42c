-- migrate:up
-- Members have ids of their own, which somebody may try.
ALTER TABLE control.attempts DROP CONSTRAINT attempts_entity_check,
  ADD CONSTRAINT attempts_entity_check CHECK (entity IN ('job', 'proposal', 'import', 'search', 'undo', 'note', 'member', 'organization', 'page'));

-- migrate:down
DELETE FROM control.attempts WHERE entity = 'member';
ALTER TABLE control.attempts DROP CONSTRAINT attempts_entity_check,
  ADD CONSTRAINT attempts_entity_check CHECK (entity IN ('job', 'proposal', 'import', 'search', 'undo', 'note', 'organization', 'page'));
