-- The way of the box from one release of the operating system to the next: one row.
CREATE TABLE os_update (
    id     INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    record TEXT NOT NULL, -- how far it is
    memory TEXT NOT NULL  -- what is remembered besides
) STRICT;
