use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use hearth_model::Bytes;

use super::error::{CliError, Exit};

/// Largest file that is read, in bytes: far more than any that a person writes.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Reads a file that a person named; `-` is standard input. What is too large is refused before it is read.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    let failed = |error: std::io::Error| {
        let exit = if error.kind() == ErrorKind::NotFound { Exit::NotFound } else { Exit::Failed };
        CliError::new(exit, format!("{name} cannot be read: {error}"))
    };
    let source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        let file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if about.is_dir() {
            return Err(CliError::new(Exit::Usage, format!("{name} is a folder; name a file")));
        }
        if about.len() > MAX_BYTES {
            return Err(too_large(&name));
        }
        Box::new(file)
    };
    let mut bytes = Vec::new();
    // Pipes and files that grow have no size to look at first.
    source.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_large(&name));
    }
    Ok(bytes)
}

/// Reads a file as [`read`] does, as text.
pub(super) fn read_text(path: &Path) -> Result<String, CliError> {
    String::from_utf8(read(path)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        CliError::failed(format!("{} is not UTF-8 (line {line}); save it as UTF-8", path.display()))
    })
}

fn too_large(name: &str) -> CliError {
    CliError::new(
        Exit::Refused,
        format!("{name} is larger than {}; it is not the file that was meant", Bytes(MAX_BYTES)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_files_are_refused_by_their_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.yml");
        // A sparse file: it has the size and takes no space.
        File::create(&path).unwrap().set_len(100 * 1024 * 1024).unwrap();
        let error = read(&path).unwrap_err();
        assert_eq!(error.exit, Exit::Refused);
        assert!(error.message.contains("larger than 4.2 MB"), "{error}");
        assert_eq!(read(&folder.path().join("gone")).unwrap_err().exit, Exit::NotFound);
        assert_eq!(read(folder.path()).unwrap_err().exit, Exit::Usage);
        std::fs::write(&path, b"a: 1\nb: \xff\n").unwrap();
        assert!(read_text(&path).unwrap_err().message.contains("(line 2)"));
    }
}
