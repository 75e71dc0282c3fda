//! Hearth as a process against an engine of its own: what it does when it, the engine or a disk goes away half-way, and what
//! it does with bad input. Each test has a machine of its own; see `hearth_tests::machine`.

/// Apps that tests install.
mod apps;
/// Packages that nobody should install.
mod bad_input;
/// The `hearth` command.
mod command_line;
/// App folders that are gone.
mod data;
/// Hearth and the engine end and come back.
mod endings;
/// Who reaches containers from outside of the box.
mod firewall;
/// Packages of other stores.
mod foreign;
/// The engine, registry and network that tests bring.
mod ground;
/// Apps that try to get out of their folder.
mod hostile;
/// Apps of another box.
mod import;
/// What apps may share, and how much they may use.
mod isolation;
/// Random kills.
mod kills;
/// Apps whose containers are up and which do not run.
mod liveness;
/// Requests that a program makes up.
mod made_up;
/// Disks in apps' folders, and files that cannot be deleted.
mod mounts;
/// Two Hearths on one engine.
mod neighbours;
/// The operating system.
mod os;
/// Who makes the first account.
mod owner;
/// Ports that two want.
mod ports;
/// Peers that hold connections and do nothing with them.
mod slow_clients;
/// Stores at addresses, honest and hostile.
mod stores;
/// Updates that are kept and updates that are not.
mod updates;
/// Data in volumes that nobody named.
mod volumes;
