-- Seeds that came with apps of another box, in place of this box's own; they live as long as the app's data does.
CREATE TABLE app_seeds (
    app  TEXT PRIMARY KEY NOT NULL,
    seed TEXT NOT NULL
) STRICT;
