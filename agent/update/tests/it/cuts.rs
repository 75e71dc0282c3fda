//! Tasks that are killed, at instants spread over all of their work.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use hearth_model::os::{SlotTask, SlotVerb};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::device::{Device, NEW, machine};

/// What the process that is killed has to do: tasks with spaces between them.
const TASKS: &str = "HEARTH_TEST_TASKS";
/// On which device: the folder and the disk, with a space between them.
const DEVICE: &str = "HEARTH_TEST_DEVICE";
const KILLS: u32 = 14;

/// The process that is killed; as a test of its own it does nothing.
#[test]
fn does_tasks_in_a_process_of_its_own() {
    let (Ok(tasks), Ok(device)) = (std::env::var(TASKS), std::env::var(DEVICE)) else { return };
    let (folder, disk) = device.split_once(' ').unwrap();
    for task in tasks.split(' ') {
        let task: SlotTask = task.parse().unwrap();
        machine(Path::new(folder), disk, "sysupdate").perform(task).unwrap();
    }
}

fn start(device: &Device, tasks: &[SlotVerb]) -> Child {
    let tasks: Vec<_> = tasks.iter().map(|verb| SlotTask { verb: *verb, version: NEW }.to_string()).collect();
    Command::new(std::env::current_exe().expect("the program starts"))
        .args(["--exact", "cuts::does_tasks_in_a_process_of_its_own", "--nocapture"])
        .env(TASKS, tasks.join(" "))
        .env(DEVICE, format!("{} {}", device.path("").display(), device.disk))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("the program starts")
}

#[test]
fn whenever_a_task_is_killed_the_box_starts_and_the_task_can_be_done_again() {
    let Some(device) = Device::new() else { return };
    device.stage(NEW);
    let began = Instant::now();
    let tasks = [SlotVerb::Write, SlotVerb::Enable, SlotVerb::Withdraw];
    assert!(start(&device, &tasks).wait().unwrap().success());
    let whole = began.elapsed();

    let mut ended_in = std::collections::BTreeSet::new();
    for number in 0..KILLS {
        let mut child = start(&device, &tasks);
        std::thread::sleep(whole * number / KILLS);
        // As systemd ends a unit: with everything that it started.
        let group = Pid::from_raw(i32::try_from(child.id()).unwrap());
        let _ = killpg(group, Signal::SIGKILL);
        child.wait().unwrap();

        let kernels = device.kernels();
        assert!(kernels.iter().any(|name| name == "hearth_1.3.0.efi"), "kill {number}: {kernels:?}");
        device.check_table();
        let is_started = kernels.iter().any(|name| name.starts_with("hearth_1.4.0"));
        let is_whole =
            device.labels() == ["hearth_1.4.0", "hearth_1.4.0"] && device.holds_what_was_staged(NEW);
        assert!(is_whole || !is_started, "kill {number}: {kernels:?}, {:?}", device.labels());
        ended_in.insert((is_started, device.labels()));
        // What follows a cut is either of the two.
        if number % 2 == 0 {
            device.perform(SlotVerb::Withdraw, NEW).unwrap();
            assert_eq!((device.kernels().len(), device.labels()[0].as_str()), (1, "_empty"));
        } else {
            device.perform(SlotVerb::Write, NEW).unwrap();
            device.perform(SlotVerb::Enable, NEW).unwrap();
            assert_eq!(device.kernels(), ["hearth_1.3.0.efi", "hearth_1.4.0+3-0.efi"]);
            assert!(device.holds_what_was_staged(NEW));
        }
    }
    eprintln!("{KILLS} kills within {} ms ended in {ended_in:?}", whole.as_millis());
}
