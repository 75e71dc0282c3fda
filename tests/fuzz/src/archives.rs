//! An archive of a stranger: it is unpacked or refused, and nothing is written beside the folder that it is unpacked into.

use std::path::Path;

use hearth_fetch::{Cancel, Job, Limits, unpack};

pub fn read(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let (archive, tree) = (folder.path().join("archive"), folder.path().join("tree"));
    std::fs::write(&archive, data).expect("the archive is written");
    std::fs::create_dir(&tree).expect("a folder");
    let limits = Limits { unpacked_bytes: 1_000_000, files: 100, ..Limits::default() };
    let _ = unpack(&archive, &tree, &Job::new(limits, Cancel::default(), &|_| {}));
    let beside = std::fs::read_dir(folder.path()).expect("the folder").filter_map(Result::ok);
    let known = ["archive", "tree"].map(Path::new);
    for entry in beside {
        assert!(known.contains(&Path::new(&entry.file_name())), "{entry:?} was written beside the tree");
    }
}
