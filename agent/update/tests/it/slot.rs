//! Each task on real partitions.

use std::fs;
use std::os::unix::fs::FileExt;

use hearth_model::os::{ReleaseVersion, SlotProgress, SlotVerb};
use sha2::{Digest, Sha256};

use crate::device::{Device, NEW, RUNS, SLOT_B, sh};

const OLDER: ReleaseVersion = ReleaseVersion::new(1, 2, 0);

fn labelled(text: &str) -> [String; 2] {
    [text.to_owned(), text.to_owned()]
}

#[test]
fn a_release_is_in_its_slot_before_the_boot_loader_knows_of_it() {
    let Some(device) = Device::new() else { return };
    let description = device.stage(NEW);

    device.perform(SlotVerb::Write, NEW).unwrap();

    assert_eq!(device.labels(), labelled("hearth_1.4.0"));
    assert!(device.holds_what_was_staged(NEW));
    assert_eq!(device.kernels(), ["hearth_1.3.0.efi"]);
    // The initrd finds root and hash tree by the halves of the root hash.
    let id = |range: std::ops::Range<usize>| description.root_hash[range].to_uppercase();
    let bare = |number| device.partition(number, "--part-uuid").replace('-', "");
    assert_eq!(SLOT_B.map(bare), [id(0..32), id(32..64)]);
    assert_eq!(device.partition(2, "--part-label"), "hearth_1.3.0");
    device.check_table();

    device.perform(SlotVerb::Enable, NEW).unwrap();
    assert_eq!(device.kernels(), ["hearth_1.3.0.efi", "hearth_1.4.0+3-0.efi"]);
    let kernel = fs::read(device.path("esp/EFI/Linux/hearth_1.4.0+3-0.efi")).unwrap();
    assert_eq!(hex::encode(Sha256::digest(kernel)), description.files[2].sha256);

    // Again: nothing changes.
    device.perform(SlotVerb::Enable, NEW).unwrap();
    assert_eq!(device.kernels(), ["hearth_1.3.0.efi", "hearth_1.4.0+3-0.efi"]);
}

#[test]
fn a_write_that_was_cut_off_is_done_again() {
    let Some(device) = Device::new() else { return };
    device.stage(NEW);
    // Cut off in the middle of the root, with a label that says nothing.
    let offset = device.start(SLOT_B[0]);
    device.make_program(
        "cut-off",
        &format!(
            "dd if={} of={} bs=1M count=3 seek={offset} oflag=seek_bytes conv=notrunc status=none; sync; \
             sfdisk --quiet --part-label {} 4 unfinished; kill -9 $$",
            device.path("staged/hearth_1.4.0.root").display(),
            device.disk,
            device.disk
        ),
    );
    let reason = device.perform_with("cut-off", SlotVerb::Write, NEW).unwrap_err();
    assert!(reason.contains("signal: 9"), "{reason}");
    assert_eq!(device.labels(), labelled("_empty"));

    device.perform(SlotVerb::Write, NEW).unwrap();
    assert!(device.holds_what_was_staged(NEW));
    device.check_table();
}

#[test]
fn what_was_written_by_a_task_that_never_answered_is_read_again() {
    let Some(device) = Device::new() else { return };
    device.stage(NEW);
    device.perform(SlotVerb::Write, NEW).unwrap();
    // The disk lost a block meanwhile, and its labels still name the release.
    let disk = fs::OpenOptions::new().write(true).open(&device.disk).unwrap();
    disk.write_all_at(b"rot", device.start(SLOT_B[0]) + 5_000_000).unwrap();

    let reason = device.perform(SlotVerb::Write, NEW).unwrap_err();
    assert!(reason.contains("what was read back of the root is not what was written"), "{reason}");
    assert_eq!(device.labels(), labelled("_empty"));
    assert!(device.perform(SlotVerb::Enable, NEW).unwrap_err().contains("not in the slot"));
    assert_eq!(device.kernels(), ["hearth_1.3.0.efi"]);

    device.perform(SlotVerb::Write, NEW).unwrap();
    assert!(device.holds_what_was_staged(NEW));
}

#[test]
fn a_release_whose_slot_is_overwritten_cannot_be_started_any_more() {
    let Some(device) = Device::new() else { return };
    device.stage(OLDER);
    device.perform(SlotVerb::Write, OLDER).unwrap();
    device.put_kernel("hearth_1.2.0.efi");
    device.stage(NEW);
    device.make_program(
        "fails",
        "ls $(dirname $0)/esp/EFI/Linux >$(dirname $0)/seen; echo 'no luck' >&2; exit 1",
    );

    let reason = device.perform_with("fails", SlotVerb::Write, NEW).unwrap_err();

    assert!(reason.ends_with("failed (exit status: 1): no luck"), "{reason}");
    assert_eq!(fs::read_to_string(device.path("seen")).unwrap(), "hearth_1.3.0.efi\n");
    device.perform(SlotVerb::Write, NEW).unwrap();
    assert_eq!(device.labels(), labelled("hearth_1.4.0"));
}

#[test]
fn progress_is_told_while_a_slot_is_written() {
    let Some(device) = Device::new() else { return };
    let files = device.stage(NEW).files;
    device.make_program(
        "watched",
        "cp $(dirname $0)/answers/progress.json $(dirname $0)/first.json; exec $(dirname $0)/sysupdate \"$@\"",
    );
    device.perform_with("watched", SlotVerb::Write, NEW).unwrap();
    let first: SlotProgress = serde_json::from_slice(&fs::read(device.path("first.json")).unwrap()).unwrap();
    let total_bytes = files[0].size_bytes + files[1].size_bytes;
    assert_eq!(first, SlotProgress { done_bytes: 0, total_bytes });
}

#[test]
fn nothing_is_changed_without_a_way_back() {
    let Some(device) = Device::new() else { return };
    device.stage(NEW);
    device.stage(RUNS);
    for verb in [SlotVerb::Write, SlotVerb::Enable, SlotVerb::Withdraw, SlotVerb::Boot] {
        assert!(device.perform(verb, RUNS).unwrap_err().contains("is the one that runs"), "{verb:?}");
    }
    fs::remove_file(device.path("esp/EFI/Linux/hearth_1.3.0.efi")).unwrap();
    let reason = device.perform(SlotVerb::Write, NEW).unwrap_err();
    assert!(reason.contains("the boot loader has no file for release 1.3.0"), "{reason}");
    device.put_kernel("hearth_1.3.0+0-3.efi");
    let reason = device.perform(SlotVerb::Write, NEW).unwrap_err();
    assert!(reason.contains("release 1.3.0 is still on trial"), "{reason}");
    assert_eq!(device.labels(), labelled("_empty"));
}

#[test]
fn what_is_staged_has_to_be_whole_and_to_fit() {
    let Some(device) = Device::new() else { return };
    assert!(device.perform(SlotVerb::Write, NEW).unwrap_err().contains("hearth_1.4.0.json"));
    device.stage(NEW);
    let root = device.path("staged/hearth_1.4.0.root");
    let file = fs::OpenOptions::new().write(true).open(&root).unwrap();
    file.set_len(5).unwrap();
    let reason = device.perform(SlotVerb::Write, NEW).unwrap_err();
    assert!(reason.contains("`hearth_1.4.0.root` has 5 bytes instead of 9441280"), "{reason}");
    device.put_kernel("hearth_1.2.0.efi");
    let mut description = device.stage(NEW);
    description.files[0].size_bytes = 17 * 1024 * 1024;
    fs::write(device.path("staged/hearth_1.4.0.json"), serde_json::to_vec(&description).unwrap()).unwrap();
    file.set_len(17 * 1024 * 1024).unwrap();
    let reason = device.perform(SlotVerb::Write, NEW).unwrap_err();
    assert!(
        reason.contains("the root of the release has 17825792 bytes and its partition 16777216"),
        "{reason}"
    );
    // Nothing was given up for it.
    assert_eq!(device.kernels(), ["hearth_1.2.0.efi", "hearth_1.3.0.efi"]);
}

#[test]
fn a_full_boot_partition_is_said_and_the_running_release_stays() {
    let Some(device) = Device::new() else { return };
    device.stage(NEW);
    device.perform(SlotVerb::Write, NEW).unwrap();
    let someone = device.path("esp/someone.bin");
    fs::write(&someone, vec![0; 9 * 1024 * 1024]).unwrap();

    let reason = device.perform(SlotVerb::Enable, NEW).unwrap_err();
    assert!(reason.contains("needs 3407872 bytes on the boot partition"), "{reason}");
    assert_eq!(device.kernels(), ["hearth_1.3.0.efi"]);

    fs::remove_file(someone).unwrap();
    // A power cut while a kernel is written leaves this.
    device.put_kernel(".#hearth_1.4.0+3-0.efi0123456789abcdef");
    device.perform(SlotVerb::Enable, NEW).unwrap();
    assert_eq!(device.kernels(), ["hearth_1.3.0.efi", "hearth_1.4.0+3-0.efi"]);
}

#[test]
fn a_kernel_that_changed_on_its_way_is_taken_out_again() {
    let Some(device) = Device::new() else { return };
    device.stage(NEW);
    device.perform(SlotVerb::Write, NEW).unwrap();
    let kernel = device.path("staged/hearth_1.4.0.efi");
    let file = fs::OpenOptions::new().write(true).open(&kernel).unwrap();
    file.write_all_at(b"rot", 1_000_000).unwrap();
    let reason = device.perform(SlotVerb::Enable, NEW).unwrap_err();
    assert!(reason.contains("what was read back of the kernel"), "{reason}");
    assert_eq!(device.kernels(), ["hearth_1.3.0.efi"]);
}

#[test]
fn a_new_release_is_tried_whatever_was_chosen_before() {
    let Some(device) = Device::new() else { return };
    device.stage(NEW);
    device.perform(SlotVerb::Write, NEW).unwrap();
    device.put_kernel("hearth_1.4.0+0-3.efi");
    fs::write(
        device.path("esp/loader/loader.conf"),
        "timeout 0\ndefault hearth_1.3.0[.+][e1-9]*\neditor no\n",
    )
    .unwrap();
    let chosen = device.path("variables/LoaderEntryDefault-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f");
    fs::write(&chosen, "hearth_1.3.0.efi").unwrap();

    device.perform(SlotVerb::Enable, NEW).unwrap();

    assert_eq!(device.loader_conf(), "timeout 0\ndefault hearth_*\neditor no\n");
    assert!(!chosen.exists());
    assert_eq!(device.kernels(), ["hearth_1.3.0.efi", "hearth_1.4.0+3-0.efi"]);
}

#[test]
fn a_release_is_withdrawn_once_and_twice() {
    let Some(device) = Device::new() else { return };
    device.stage(NEW);
    device.perform(SlotVerb::Write, NEW).unwrap();
    device.perform(SlotVerb::Enable, NEW).unwrap();
    for _ in 0..2 {
        device.perform(SlotVerb::Withdraw, NEW).unwrap();
        assert_eq!(device.labels(), labelled("_empty"));
        assert_eq!(device.kernels(), ["hearth_1.3.0.efi"]);
    }
    device.put_kernel("hearth_1.4.0.efi");
    let reason = device.perform(SlotVerb::Withdraw, NEW).unwrap_err();
    assert!(reason.contains("release 1.4.0 was kept"), "{reason}");
}

#[test]
fn a_release_that_does_not_run_is_given_up_by_its_counter() {
    let Some(device) = Device::new() else { return };
    device.put_kernel("hearth_1.4.0+2-1.efi");
    for _ in 0..2 {
        device.perform(SlotVerb::Bad, NEW).unwrap();
        assert_eq!(device.kernels(), ["hearth_1.3.0.efi", "hearth_1.4.0+0-3.efi"]);
    }
    device.perform(SlotVerb::Bad, OLDER).unwrap();
    assert!(device.perform(SlotVerb::Bad, RUNS).unwrap_err().contains("was kept"));
}

/// systemd-bless-boot as far as names of files go; the real one asks the firmware.
const BLESS_BOOT: &str = r#"
cd "$(dirname "$0")/esp/EFI/Linux"
case $1 in
    good) mv hearth_1.3.0+*.efi hearth_1.3.0.efi ;;
    bad) mv hearth_1.3.0+1-2.efi hearth_1.3.0+0-2.efi ;;
esac"#;

#[test]
fn the_release_that_runs_is_kept_or_given_up() {
    let Some(device) = Device::new() else { return };
    device.make_program("bless-boot", BLESS_BOOT);
    let running = device.path("esp/EFI/Linux/hearth_1.3.0.efi");
    let on_trial = device.path("esp/EFI/Linux/hearth_1.3.0+1-2.efi");
    fs::rename(&running, &on_trial).unwrap();
    let reason = device.perform(SlotVerb::Bless, NEW).unwrap_err();
    assert!(reason.contains("release 1.4.0 does not run, 1.3.0 does"), "{reason}");
    for _ in 0..2 {
        device.perform(SlotVerb::Bless, RUNS).unwrap();
        assert_eq!(device.kernels(), ["hearth_1.3.0.efi"]);
    }
    fs::rename(&running, &on_trial).unwrap();
    for _ in 0..2 {
        device.perform(SlotVerb::Bad, RUNS).unwrap();
        assert_eq!(device.kernels(), ["hearth_1.3.0+0-2.efi"]);
    }
    device.make_program("bless-boot", "exit 0");
    let reason = device.perform(SlotVerb::Bless, RUNS).unwrap_err();
    assert!(reason.contains("`systemd-bless-boot` reported success, but"), "{reason}");
}

#[test]
fn the_box_goes_back_on_trial_and_stays_with_what_works() {
    let Some(device) = Device::new() else { return };
    device.stage(OLDER);
    device.perform(SlotVerb::Write, OLDER).unwrap();
    assert!(device.perform(SlotVerb::Boot, OLDER).unwrap_err().contains("not on the boot partition"));
    device.put_kernel("hearth_1.2.0.efi");
    for _ in 0..2 {
        device.perform(SlotVerb::Boot, OLDER).unwrap();
        assert_eq!(device.kernels(), ["hearth_1.2.0+3-0.efi", "hearth_1.3.0.efi"]);
        assert_eq!(device.loader_conf(), "timeout 0\ndefault hearth_1.2.0[.+][e1-9]*\neditor no\n");
    }
    device.perform(SlotVerb::Bad, OLDER).unwrap();
    assert!(device.perform(SlotVerb::Boot, OLDER).unwrap_err().contains("never proved"));
}

#[test]
fn tasks_wait_for_one_another() {
    let Some(device) = Device::new() else { return };
    device.stage(NEW);
    device.make_program("slow", "sleep 1; exec $(dirname $0)/sysupdate \"$@\"");
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| device.perform_with("slow", SlotVerb::Write, NEW));
        sh(&format!("until [ -e {} ]; do sleep 0.05; done", device.path("answers/progress.json").display()));
        device.perform(SlotVerb::Withdraw, NEW).unwrap();
        slow.join().unwrap().unwrap();
    });
    assert_eq!(device.labels(), labelled("_empty"));
}
