use std::process::{Command, Stdio};

use super::*;

/// A table as its bytes, made here: two partitions on a disk of 4 MiB with sectors of 512 bytes.
fn disk() -> File {
    let file = tempfile::tempfile().unwrap();
    lay_out(&file);
    file
}

fn lay_out(file: &File) {
    file.set_len(4 * 1024 * 1024).unwrap();
    let last = 4 * 2048 - 1;
    // The protective MBR: one partition of type 0xee.
    let mbr =
        [&[0; 4][..], &[0xee, 0, 0, 0], &1_u32.to_le_bytes(), &(4_u32 * 2048 - 1).to_le_bytes()].concat();
    file.write_all_at(&mbr, 446).unwrap();
    file.write_all_at(&[0x55, 0xaa], 510).unwrap();
    let mut entries = vec![0; 128 * 128];
    for (index, (first, last)) in [(2048_u64, 4095_u64), (4096, 6143)].into_iter().enumerate() {
        let entry = &mut entries[index * 128..][..128];
        entry[..16].copy_from_slice(&guid(0x4f68_bce3_e8cd_4db1_96e7_fbca_f984_b709));
        entry[16] = 7;
        entry[32..40].copy_from_slice(&first.to_le_bytes());
        entry[40..48].copy_from_slice(&last.to_le_bytes());
        entry[48..56].copy_from_slice(&[1; 8]);
    }
    let mut header = Header(vec![0; 512]);
    header.put(0, SIGNATURE);
    header.put(8, &[0, 0, 1, 0, 92]);
    header.put(80, &[128]);
    header.put(84, &[128]);
    let primary = moved(&header, 1, last, 2);
    let backup = moved(&header, last, 1, last - 32);
    Table { sector_bytes: 512, entry_bytes: 128, entries, primary, backup }.write(file).unwrap();
}

fn labels(disk: &File) -> Vec<String> {
    Table::read(disk).unwrap().partitions().into_iter().map(|partition| partition.label).collect()
}

#[test]
fn the_checksum_is_that_of_the_format() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
}

#[test]
fn identifiers_stand_in_the_order_of_the_format() {
    let esp = guid(0xc12a_7328_f81f_11d2_ba4b_00a0_c93e_c93b);
    assert_eq!(esp[..10], [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b]);
}

#[test]
fn a_label_and_an_identifier_change_and_nothing_else_does() {
    let disk = disk();
    let before = Table::read(&disk).unwrap();
    let mut table = Table::read(&disk).unwrap();
    table.set(2, "hearth_1.4.0", Some([9; 16]));
    table.write(&disk).unwrap();

    let after = Table::read(&disk).unwrap();
    let expected =
        Partition { label: "hearth_1.4.0".to_owned(), id: [9; 16], ..before.partitions()[1].clone() };
    assert_eq!(after.partitions(), [before.partitions()[0].clone(), expected]);
    assert_eq!(after.entries[128 + 48..128 + 56], [1; 8]);
    let mut table = after;
    table.set(2, "_empty", None);
    table.write(&disk).unwrap();
    assert_eq!(labels(&disk), ["", "_empty"]);
}

#[test]
fn a_cut_at_any_write_leaves_the_labels_before_or_after() {
    for cut in 0..5_u64 {
        let disk = disk();
        let mut table = Table::read(&disk).unwrap();
        table.set(1, "after", None);
        // The four writes, of which those behind the cut never happen, and the one at the cut only by half.
        let headers = [&table.backup, &table.primary];
        for (index, header) in headers.into_iter().enumerate() {
            let mut header = header.clone();
            header.seal(&table.entries);
            let writes = [(&table.entries, header.entries_sector()), (&header.0, header.own_sector())];
            for (second, (bytes, sector)) in writes.into_iter().enumerate() {
                let number = (2 * index + second) as u64;
                let length = if number == cut { 60 } else { bytes.len() };
                if number <= cut {
                    disk.write_all_at(&bytes[..length], sector * 512).unwrap();
                }
            }
        }
        let found = labels(&disk);
        assert!(found == ["", ""] || found == ["after", ""], "cut {cut}: {found:?}");
        // Whatever is there can be written again.
        Table::read(&disk).unwrap().write(&disk).unwrap();
        assert_eq!(labels(&disk), found);
    }
}

#[test]
fn a_copy_that_is_lost_is_made_of_the_other() {
    for lost in [512_u64, (4 * 2048 - 1) * 512] {
        let disk = disk();
        disk.write_all_at(&[0; 512], lost).unwrap();
        let mut table = Table::read(&disk).unwrap();
        table.set(1, "here", None);
        table.write(&disk).unwrap();
        for copy in [512, (4 * 2048 - 1) * 512] {
            let mut header = [0; 8];
            disk.read_exact_at(&mut header, copy).unwrap();
            assert_eq!(&header, SIGNATURE);
        }
        assert_eq!(labels(&disk), ["here", ""]);
    }
}

#[test]
fn what_is_no_table_is_refused() {
    let empty = tempfile::tempfile().unwrap();
    assert!(Table::read(&empty).is_err());
    empty.set_len(1024 * 1024).unwrap();
    assert!(Table::read(&empty).is_err());
    let disk = disk();
    for at in [512 + 80, (4 * 2048 - 1) * 512 + 80] {
        disk.write_all_at(&[0xff; 12], at).unwrap();
    }
    assert!(Table::read(&disk).is_err());
}

#[test]
fn sfdisk_finds_what_was_written_whole() {
    if Command::new("sfdisk").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: there is no sfdisk here; `.ci/setup tests` installs it");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    let disk = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    lay_out(&disk);
    let mut table = Table::read(&disk).unwrap();
    table.set(1, "hearth_1.4.0", None);
    table.write(&disk).unwrap();
    let output = Command::new("sfdisk").arg("--verify").arg(&path).output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("No errors detected"), "{said}");
    let label = Command::new("sfdisk").arg("--part-label").arg(&path).arg("1").output().unwrap();
    assert_eq!(label.stdout, b"hearth_1.4.0\n");
}
