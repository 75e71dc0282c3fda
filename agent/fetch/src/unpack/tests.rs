use std::collections::BTreeMap;
use std::fs;
use std::io::Write;

use hearth_tests::tarball::{Kind, Tarball};

use super::*;
use crate::{Cancel, Limits};

/// Unpacks bytes and returns every file by path, or why not, and how many entries were left out.
fn unpack(bytes: &[u8]) -> Result<(BTreeMap<String, String>, usize)> {
    unpack_within(bytes, Limits::default())
}

fn unpack_within(bytes: &[u8], limits: Limits) -> Result<(BTreeMap<String, String>, usize)> {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, tree) = (folder.path().join("archive"), folder.path().join("deep/tree"));
    fs::create_dir_all(&tree).expect("a folder");
    fs::write(&file, bytes).expect("a file");
    let job = Job::new(limits, Cancel::default(), &|_| {});
    let result = archive(&file, &tree, &job);
    // Whatever an archive says, its files lie in its folder and are no links.
    let mut outside: Vec<_> = fs::read_dir(folder.path()).expect("a folder").flatten().collect();
    outside.extend(fs::read_dir(folder.path().join("deep")).expect("a folder").flatten());
    assert_eq!(outside.len(), 3, "{outside:?}");
    let mut files = BTreeMap::new();
    let mut open = vec![tree.clone()];
    while let Some(current) = open.pop() {
        for entry in fs::read_dir(current).expect("a folder").flatten() {
            let kind = entry.file_type().expect("a kind");
            let path = entry.path();
            let name = path.strip_prefix(&tree).expect("below").display().to_string();
            if kind.is_dir() {
                open.push(path);
            } else {
                assert!(kind.is_file(), "{name}");
                files.insert(name, fs::read_to_string(path).expect("text"));
            }
        }
    }
    result.map(|left_out| (files, left_out))
}

fn zip_of(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, text) in files {
        zip.start_file(*name, options).expect("a file");
        zip.write_all(text.as_bytes()).expect("written");
    }
    zip.finish().expect("a zip").into_inner()
}

#[test]
fn every_format_is_read_whatever_it_is_called() {
    let tar = Tarball::default().folder("apps/").file("apps/one", b"1").file("two", b"2").finish();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar).expect("written");
    let archives = [
        gzip.finish().expect("gzip"),
        zstd::encode_all(tar.as_slice(), 1).expect("zstd"),
        zip_of(&[("apps/one", "1"), ("two", "2")]),
        tar,
    ];
    for bytes in archives {
        let (files, left_out) = unpack(&bytes).expect("unpacked");
        let expected =
            [("apps/one", "1"), ("two", "2")].map(|(path, text)| (path.to_owned(), text.to_owned()));
        assert_eq!((files, left_out), (BTreeMap::from(expected), 0));
    }
}

#[test]
fn names_that_lead_out_refuse_the_archive() {
    let long = format!("{}../../x", "a/".repeat(3));
    let facts = |path: &str| {
        let record = format!(" path={path}\n");
        let length = record.len() + 2;
        format!("{length}{record}")
    };
    let tar = |name: &str| Tarball::default().file(name, b"x");
    let archives = [
        tar("../x").finish(),
        tar("a/../../x").finish(),
        tar("/tmp/hearth-outside").finish(),
        Tarball::default().folder("../x").finish(),
        Tarball::default().entry(Kind::LongName, "././@LongLink", "", b"../x\0").file("ok", b"x").finish(),
        Tarball::default()
            .entry(Kind::Facts, "pax", "", facts("../../xyz").as_bytes())
            .file("ok", b"x")
            .finish(),
        Tarball::default().entry(Kind::SymbolicLink, "../x", "a", b"").finish(),
        tar(&long.replace("a/a/a/", "a/")).finish(),
        zip_of(&[("../x", "x")]),
        zip_of(&[("/tmp/hearth-outside", "x")]),
    ];
    for (number, bytes) in archives.iter().enumerate() {
        let error = unpack(bytes).expect_err("refused");
        assert!(matches!(error, Error::Outside { .. }), "{number}: {error}");
    }
    assert!(!Path::new("/tmp/hearth-outside").exists());
}

#[test]
fn links_and_devices_are_left_out_and_nothing_goes_through_them() {
    let tar = Tarball::default()
        .entry(Kind::SymbolicLink, "away", "/tmp", b"")
        .entry(Kind::HardLink, "shadow", "/etc/shadow", b"")
        .entry(Kind::Device, "null", "", b"")
        .entry(Kind::Pipe, "pipe", "", b"")
        .file("away/hearth-outside", b"x")
        .finish();
    let (files, left_out) = unpack(&tar).expect("unpacked");
    assert_eq!((files.len(), left_out), (1, 4));
    assert!(files.contains_key("away/hearth-outside") && !Path::new("/tmp/hearth-outside").exists());

    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.add_symlink("away", "/tmp", zip::write::SimpleFileOptions::default()).expect("a link");
    let (files, left_out) = unpack(&zip.finish().expect("a zip").into_inner()).expect("unpacked");
    assert_eq!((files.len(), left_out), (0, 1));
}

#[test]
fn long_names_are_read_and_longer_ones_refused() {
    let name = format!("{}/file", "long-folder-name".repeat(12));
    let long = |bytes: &[u8]| {
        Tarball::default().entry(Kind::LongName, "././@LongLink", "", bytes).file("short", b"x").finish()
    };
    let (files, _) = unpack(&long(format!("{name}\0").as_bytes())).expect("unpacked");
    assert_eq!(files.keys().collect::<Vec<_>>(), [&name]);
    let error = unpack(&long(&vec![b'a'; 100_000])).expect_err("refused");
    assert!(matches!(error, Error::TooLarge { what: "a name in the archive", .. }), "{error}");
    let twice = Tarball::default().entry(Kind::Facts, "pax", "", b"9 size=0\n").file("a", b"x").finish();
    assert!(matches!(unpack(&twice), Err(Error::Damaged(_))));
}

#[test]
fn bombs_end_at_the_bounds() {
    let limits = Limits { unpacked_bytes: 100_000, files: 100, ..Limits::default() };
    let zeros = vec![0; 50_000_000];
    let tar = Tarball::default().file("zeros", &zeros).finish();
    let hidden = Tarball::default().entry(Kind::Pipe, "pipe", "", &zeros).finish();
    let mut many = Tarball::default();
    for number in 0..200 {
        many = many.file(&number.to_string(), b"");
    }
    let many_zipped: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    let many_zipped: Vec<(&str, &str)> = many_zipped.iter().map(|name| (name.as_str(), "")).collect();
    let text = String::from_utf8(zeros).expect("zeros are text");
    for (archive, is_size) in [
        (zstd::encode_all(tar.as_slice(), 1).expect("zstd"), true),
        (zstd::encode_all(hidden.as_slice(), 1).expect("zstd"), true),
        (zip_of(&[("zeros", &text)]), true),
        (many.finish(), false),
        (zip_of(&many_zipped), false),
    ] {
        let error = unpack_within(&archive, limits).expect_err("refused");
        match is_size {
            true => assert!(matches!(error, Error::TooLarge { .. }), "{error}"),
            false => assert!(matches!(error, Error::TooManyFiles { limit: 100 }), "{error}"),
        }
    }
}

#[test]
fn damage_is_seen() {
    let tar = Tarball::default().file("one", &[b'1'; 3000]).finish();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar).expect("written");
    let gzip = gzip.finish().expect("gzip");
    let zip = zip_of(&[("one", &"1".repeat(3000))]);
    let zstd = zstd::encode_all(tar.as_slice(), 1).expect("zstd");
    let mut checksum = gzip.clone();
    let at = checksum.len() - 6;
    checksum[at] ^= 0xff;
    let cut = |bytes: &[u8]| bytes[..bytes.len() - 10].to_vec();
    for bytes in [tar[..2000].to_vec(), cut(&gzip), cut(&zip), cut(&zstd), checksum] {
        let error = unpack(&bytes).expect_err("refused");
        assert!(matches!(error, Error::Damaged(_)), "{error}");
    }
    for (bytes, words) in [(b"<!doctype html><p>Sign in".as_slice(), "<!doctype html>"), (b"", "\"\"")] {
        let error = unpack(bytes).expect_err("refused").to_string();
        assert!(error.contains("neither a zip nor a tar") && error.contains(words), "{error}");
    }
}
