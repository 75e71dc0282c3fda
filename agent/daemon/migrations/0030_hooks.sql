-- For which package, by digest, a script of an app ran that does not run at every start; kept as long as the app's data.
CREATE TABLE app_hooks (
    app     TEXT NOT NULL,
    hook    TEXT NOT NULL,
    package TEXT NOT NULL,
    PRIMARY KEY (app, hook)
) STRICT;
