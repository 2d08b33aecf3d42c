-- migrate:up
-- Saved searches and undo records have ids of their own, which somebody may try.
ALTER TABLE control.attempts DROP CONSTRAINT attempts_entity_check,
  ADD CONSTRAINT attempts_entity_check CHECK (entity IN ('job', 'proposal', 'import', 'search', 'undo', 'organization', 'page'));

-- migrate:down
DELETE FROM control.attempts WHERE entity IN ('search', 'undo');
ALTER TABLE control.attempts DROP CONSTRAINT attempts_entity_check,
  ADD CONSTRAINT attempts_entity_check CHECK (entity IN ('job', 'proposal', 'import', 'organization', 'page'));
