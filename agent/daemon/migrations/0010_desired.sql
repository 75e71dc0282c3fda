-- Every change of what the owner wants; the newest row is in force.
CREATE TABLE generations (
    generation INTEGER PRIMARY KEY NOT NULL,
    at         TEXT NOT NULL,
    actor      TEXT NOT NULL,
    why        TEXT NOT NULL,
    desired    TEXT NOT NULL
) STRICT;

-- Packages that a generation names, whole, so that going back never needs a store.
CREATE TABLE packages (
    digest    TEXT PRIMARY KEY NOT NULL,
    package   TEXT NOT NULL,
    icon      BLOB,
    icon_type TEXT
) STRICT;

-- The way of an app from one version to the next.
CREATE TABLE app_updates (
    app    TEXT PRIMARY KEY NOT NULL,
    record TEXT NOT NULL
) STRICT;

-- Apps whose folder was made once: a folder that is missing later is a missing disk, not a fresh install.
CREATE TABLE app_data (
    app        TEXT PRIMARY KEY NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

-- Secrets that Hearth made for an app's settings; they live as long as the app's data does.
CREATE TABLE app_secrets (
    app   TEXT NOT NULL,
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (app, name)
) STRICT;

-- What this box is called among others on the same engine, and the like.
CREATE TABLE box (
    key   TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT;
