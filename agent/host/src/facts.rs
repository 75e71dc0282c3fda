use std::path::Path;

use hearth_model::observed::HostFacts;
use hearth_model::package::Architecture;

/// Looks at the host: its memory, its processor, and the disks that hold `state_dir` and the engine's folder.
///
/// What cannot be found out is zero or `None`; nothing fails.
pub fn observe(state_dir: &Path, engine_dir: Option<&Path>) -> HostFacts {
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let disk = rustix::fs::statvfs(state_dir).ok();
    let engine_disk = engine_dir.and_then(|dir| rustix::fs::statvfs(dir).ok());
    HostFacts {
        architecture: architecture(&rustix::system::uname().machine().to_string_lossy()),
        memory_total_bytes: meminfo(&memory, "MemTotal").unwrap_or_default(),
        memory_available_bytes: meminfo(&memory, "MemAvailable").unwrap_or_default(),
        data_total_bytes: disk
            .as_ref()
            .map(|disk| disk.f_blocks.saturating_mul(disk.f_frsize))
            .unwrap_or_default(),
        data_free_bytes: disk.as_ref().map(free_bytes).unwrap_or_default(),
        engine_free_bytes: engine_disk.as_ref().map(free_bytes),
    }
}

/// Space that may be used, without what the file system keeps for root.
pub(crate) fn free_bytes(disk: &rustix::fs::StatVfs) -> u64 {
    disk.f_bavail.saturating_mul(disk.f_frsize)
}

/// Reads one line of [`/proc/meminfo`](https://man7.org/linux/man-pages/man5/proc_meminfo.5.html), in bytes.
fn meminfo(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn architecture(machine: &str) -> Option<Architecture> {
    match machine {
        "x86_64" => Some(Architecture::Amd64),
        "aarch64" => Some(Architecture::Arm64),
        machine if machine.starts_with("armv") => Some(Architecture::Arm),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let text = "MemTotal:       16384 kB\nMemFree: 1 kB\nMemAvailable:    8192 kB\n";
        assert_eq!(meminfo(text, "MemTotal"), Some(16 << 20));
        assert_eq!(meminfo(text, "MemAvailable"), Some(8 << 20));
        assert_eq!(meminfo(text, "Mem"), None);
    }

    #[test]
    fn this_host_has_memory_and_a_disk() {
        let facts = observe(Path::new("/"), Some(Path::new("/does/not/exist")));
        assert!(facts.memory_total_bytes > facts.memory_available_bytes);
        assert!(facts.memory_available_bytes > 0);
        assert!(facts.data_total_bytes >= facts.data_free_bytes);
        assert_eq!(facts.engine_free_bytes, None);
    }

    #[test]
    fn processors_have_the_engines_names() {
        assert_eq!(architecture("aarch64"), Some(Architecture::Arm64));
        assert_eq!(architecture("armv7l"), Some(Architecture::Arm));
        assert_eq!(architecture("riscv64"), None);
    }
}
