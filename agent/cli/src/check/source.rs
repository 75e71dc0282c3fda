use std::cell::RefCell;
use std::path::{Path, PathBuf};

use hearth_fetch::{Address, Cancel, Job, Limits, Outcome, Progress};
use hearth_model::Bytes;

use crate::error::{CliError, Exit};
use crate::output::{Output, Ticker};
use hearth_daemon::catalog::refresh;

/// A store to look at: a folder, or one that was fetched and goes when this value does.
pub(super) enum Source {
    Folder(PathBuf),
    Fetched { folder: PathBuf, _scratch: tempfile::TempDir },
}

impl Source {
    pub(super) fn open(output: &Output, store: &str) -> Result<Self, CliError> {
        let remote = match store.parse() {
            Ok(Address::Remote(remote)) => remote,
            Err(error) if store.contains("://") => return Err(CliError::new(Exit::Usage, error.to_string())),
            // Also a path that is not absolute: this command has the working directory of whoever typed it.
            Ok(Address::Folder(_)) | Err(_) => return Ok(Self::Folder(store.into())),
        };
        let scratch = tempfile::tempdir()
            .map_err(|error| CliError::failed(format!("a folder to fetch into cannot be made: {error}")))?;
        let ticker = RefCell::new(Ticker::default());
        let tell = |progress: Progress| {
            if !output.is_json() {
                ticker.borrow_mut().show(&format!("{remote}: {}", Bytes(progress.bytes)));
            }
        };
        let job = Job::new(Limits::default(), Cancel::default(), &tell);
        let outcome = hearth_fetch::fetch(&remote, None, scratch.path(), &job);
        ticker.borrow_mut().finish();
        match outcome.map_err(|error| CliError::failed(refresh::in_full(&error)))? {
            Outcome::Fetched(fetched) => {
                Ok(Self::Fetched { folder: refresh::root(&fetched.tree), _scratch: scratch })
            }
            Outcome::Unchanged(_) => {
                Err(CliError::failed(format!("{remote} says that nothing changed; ask again")))
            }
        }
    }

    pub(super) fn folder(&self) -> &Path {
        let (Self::Folder(folder) | Self::Fetched { folder, .. }) = self;
        folder
    }
}

#[cfg(test)]
mod tests {
    use hearth_tests::tarball::Tarball;
    use hearth_tests::web::{Page, WebServer};

    use super::*;

    #[test]
    fn a_store_is_opened_where_it_is_or_fetched() {
        let output = Output::new(true);
        let here = Source::open(&output, "some/store").expect("a path");
        assert_eq!(here.folder(), Path::new("some/store"));

        let server = WebServer::start().expect("a server");
        let archive = Tarball::default().file("store-main/apps/notes/app.yml", b"id: notes").finish();
        server.serve("/store.tar", Page::file(archive));
        let fetched = Source::open(&output, &server.url("/store.tar")).expect("fetched");
        let folder = fetched.folder().to_owned();
        assert!(folder.join("apps/notes/app.yml").is_file());
        drop(fetched);
        assert!(!folder.exists());

        let Err(gone) = Source::open(&output, &server.url("/gone.zip")) else { panic!("nothing is there") };
        assert!(gone.to_string().contains("404"), "{gone}");
        let Err(wrong) = Source::open(&output, "ftp://example.org/a.zip") else { panic!("not spoken") };
        assert_eq!(wrong.exit, Exit::Usage);
    }
}
