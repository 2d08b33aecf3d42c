-- migrate:up
-- The beginning of a description, as the list shows it. Counting the characters of fifty descriptions, and fetching the long
-- ones from where they are kept, was half of what Postgres did for a page.
ALTER TABLE jobs ADD COLUMN snippet text NOT NULL
  GENERATED ALWAYS AS (left(description, 240) || CASE WHEN length(description) > 240 THEN '…' ELSE '' END) STORED;

-- migrate:down
ALTER TABLE jobs DROP COLUMN snippet;
