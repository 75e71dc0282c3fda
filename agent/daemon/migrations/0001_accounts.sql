-- People who may sign in. Names differ by more than case.
CREATE TABLE accounts (
    id            INTEGER PRIMARY KEY NOT NULL,
    username      TEXT NOT NULL UNIQUE COLLATE NOCASE,
    role          TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at    INTEGER NOT NULL -- Unix seconds
) STRICT;

-- Browsers that are signed in. The cookie holds the token; here stands only its SHA-256.
CREATE TABLE sessions (
    token_hash   BLOB PRIMARY KEY NOT NULL,
    account      INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL, -- Unix seconds
    last_seen_at INTEGER NOT NULL  -- Unix seconds
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_account ON sessions (account);
