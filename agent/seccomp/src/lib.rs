//! Filters of system calls for programs that strangers write or talk to: scripts of packages, and git.
//!
//! Who runs such a program in [bubblewrap](https://github.com/containers/bubblewrap) gives it the filters, each as a file of
//! its own.

use std::collections::BTreeMap;
use std::io;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

/// Calls that no such program has a use for: those that change mounts and namespaces, load programs into the kernel, look into
/// other processes, or set what belongs to the whole box. Most need rights that it lacks; without the call there is
/// no fault in its handling to make use of either.
const REFUSED: [c_long; 47] = [
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];
/// Flags of `clone` that make a namespace. A process of its own has none of them.
const NEW_NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];

/// Returns the filters that a program runs under, as the kernel reads them.
///
/// There are two, since a filter has one answer: `clone3` hides its flags from filters, and libc goes on with `clone` only
/// where the answer is that there is no such call.
///
/// # Errors
/// On a processor that filters are not known for.
pub fn filters() -> io::Result<[Vec<u8>; 2]> {
    let mut refused: BTreeMap<c_long, Vec<SeccompRule>> =
        REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    refused.insert(libc::SYS_clone, NEW_NAMESPACES.iter().map(flag).collect::<Result<_, _>>()?);
    let absent = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    Ok([program(refused, libc::EPERM)?, program(absent, libc::ENOSYS)?])
}

/// Matches a `clone` that has a flag set.
fn flag(flag: &libc::c_int) -> io::Result<SeccompRule> {
    let flag = u64::from(flag.cast_unsigned());
    let is_set = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag);
    is_set.and_then(|is_set| SeccompRule::new(vec![is_set])).map_err(broken)
}

fn program(rules: BTreeMap<c_long, Vec<SeccompRule>>, answer: libc::c_int) -> io::Result<Vec<u8>> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(broken)?;
    let refuse = SeccompAction::Errno(answer.cast_unsigned());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch).map_err(broken)?;
    let program = BpfProgram::try_from(filter).map_err(broken)?;
    // As the kernel has it: struct sock_filter of linux/filter.h.
    let bytes = program.iter().flat_map(|step| {
        let mut bytes = step.code.to_ne_bytes().to_vec();
        bytes.extend([step.jt, step.jf]);
        bytes.extend(step.k.to_ne_bytes());
        bytes
    });
    Ok(bytes.collect())
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}
