use std::collections::BTreeMap;

/// Hands in the files that a Compose file refers to: `include`, `extends`, `env_file`, `label_file`.
///
/// Paths below the project's folder are relative to it, without `.` and `..` parts; paths elsewhere are absolute. A reader
/// that serves a package must answer only for the package's own files.
pub trait Reader {
    /// Returns the whole content of a file.
    ///
    /// # Errors
    /// Says why it cannot be read, for people: there is none, it may not be read, it is not UTF-8.
    fn read(&self, path: &str) -> Result<String, String>;

    /// Tells whether there is such a file, for those that need not be there.
    fn exists(&self, path: &str) -> bool {
        self.read(path).is_ok()
    }
}

/// A reader that has no files.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFiles;

impl Reader for NoFiles {
    fn read(&self, _path: &str) -> Result<String, String> {
        Err("there is no such file".to_owned())
    }
}

/// A reader over files in memory by path relative to the project's folder, such as those of
/// [`hearth_model::package::Package::files`].
#[derive(Debug, Clone, Copy)]
pub struct MemoryFiles<'a>(pub &'a BTreeMap<String, String>);

impl Reader for MemoryFiles<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0.get(path).cloned().ok_or_else(|| "there is no such file".to_owned())
    }
}
