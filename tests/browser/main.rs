//! A person's journeys through the dashboard, in Chromium, against a real engine. Each has a machine of its own and leaves
//! pictures of every page it saw in `target/screenshots/<journey>/`, on a desktop and a phone, light and dark.

/// Apps that need others: what to install first, and which of several.
mod companions;
/// The sign-in in front of an app that brings none.
mod door;
/// What can go wrong, and how the page explains it.
mod failures;
/// The first minutes: an account, the store, the pages.
mod first_visit;
/// Packages of CasaOS and Runtipi, from their stores to their pages.
mod foreign;
/// Another release of the operating system, and the way back.
mod os;
/// Every page, loaded and left again and again.
mod pages;
/// A person at the dashboard.
mod person;
/// A store by its address, from its first fetch to its removal.
mod stores;
/// Packages of umbrelOS with scripts, fixed addresses and the host's network.
mod umbrel;
/// WordPress with its database, from the store to its own pages and back again.
mod wordpress;
