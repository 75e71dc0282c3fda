use std::collections::BTreeMap;

use hearth_model::os::{Boot, BootEntry, Release, ReleaseVersion, UpdateRecord, UpdateState};
use hearth_planner::os_update::{Event, Unfit, Work, next, work};
use jiff::{SignedDuration, Timestamp};

/// How a release behaves when it is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    Good,
    /// It panics, hangs or fails verity: the agent never starts.
    Panics,
    /// The agent starts and its checks fail.
    Unhealthy,
    /// The agent starts, and the box stops before the checks are done.
    Stops,
}

/// A box with two slots, a boot loader that counts, and an agent with the state machine.
#[derive(Debug)]
pub(crate) struct SimBox {
    /// What is in each slot; `None` while it is empty or half written.
    slots: [Option<ReleaseVersion>; 2],
    running: usize,
    /// Tries left by release; `None` once it was blessed.
    entries: BTreeMap<ReleaseVersion, Option<u32>>,
    default: Option<ReleaseVersion>,
    boots: u32,
    on_trial: bool,
    pub(crate) record: UpdateRecord,
    pub(crate) now: Timestamp,
    pub(crate) offers: Release,
    pub(crate) natures: BTreeMap<ReleaseVersion, Nature>,
    /// Releases that ran and were not kept.
    pub(crate) gone_bad: Vec<ReleaseVersion>,
    /// What [`UpdateState`] was before and after each event.
    pub(crate) seen: Vec<(&'static str, &'static str)>,
}

pub(crate) fn release(patch: u32) -> Release {
    Release {
        version: ReleaseVersion::new(1, 0, patch),
        digest: format!("{patch:064x}"),
        released_at: Timestamp::UNIX_EPOCH,
        notes: String::new(),
        size_bytes: 1,
    }
}

impl SimBox {
    pub(crate) fn new() -> Self {
        let first = release(1).version;
        let mut sim = Self {
            slots: [Some(first), None],
            running: 0,
            entries: [(first, None)].into(),
            default: None,
            boots: 0,
            on_trial: false,
            record: UpdateRecord::default(),
            now: Timestamp::UNIX_EPOCH,
            offers: release(1),
            natures: BTreeMap::new(),
            gone_bad: Vec::new(),
            seen: Vec::new(),
        };
        sim.boot();
        sim
    }

    pub(crate) fn running(&self) -> ReleaseVersion {
        self.slots[self.running].expect("what runs is whole")
    }

    pub(crate) fn facts(&self) -> Boot {
        let entries = self.entries.iter();
        Boot {
            id: self.boots.to_string(),
            version: self.running(),
            on_trial: self.on_trial,
            entries: entries.map(|(&version, &tries_left)| BootEntry { version, tries_left }).collect(),
        }
    }

    /// Applies an event and stores what comes of it.
    pub(crate) fn tell(&mut self, event: Event) -> Result<(), Unfit> {
        if event == Event::Started {
            let stored = serde_json::to_string(&self.record).expect("a record is JSON");
            self.record = serde_json::from_str(&stored).expect("a record reads back");
        }
        let before = self.record.state.name();
        self.record = next(&self.record, &self.facts(), event, self.now)?;
        self.seen.push((before, self.record.state.name()));
        self.check();
        Ok(())
    }

    /// What must hold at every instant.
    pub(crate) fn check(&self) {
        let good = self.entries.iter().any(|(version, tries)| {
            tries.is_none() && self.slots.contains(&Some(*version)) && self.nature(*version) == Nature::Good
        });
        assert!(good, "no working slot is left: {self:?}");
        if let UpdateState::Available { release, .. } = &self.record.state {
            assert!(!self.gone_bad.contains(&release.version), "{} is offered again", release.version);
        }
    }

    fn nature(&self, version: ReleaseVersion) -> Nature {
        self.natures.get(&version).copied().unwrap_or(Nature::Good)
    }

    /// Does one piece of work, and tells whether there was one; with `cut` the power goes in the middle of it.
    pub(crate) fn work(&mut self, cut: bool) -> bool {
        let todo = work(&self.record, &self.facts(), self.now);
        let is_at_rest = todo == Work::Nothing;
        match todo {
            Work::Nothing => {}
            Work::WaitUntil(until) => self.now = until,
            _ if cut && !matches!(todo, Work::Install(_) | Work::CheckHealth(_)) => {}
            Work::Check => drop(self.tell(Event::Answered(self.offers.clone()))),
            Work::Fetch(_) => drop(self.tell(Event::Downloaded)),
            Work::Stage(_) => drop(self.tell(Event::Staged)),
            Work::Install(release) => self.install(&release, cut),
            Work::Withdraw(release) => {
                self.entries.remove(&release.version);
                let _ = self.tell(Event::Withdrawn);
            }
            Work::Reboot => self.boot(),
            Work::CheckHealth(version) => match self.nature(version) {
                Nature::Good => {
                    self.tell(Event::Healthy).expect("it is on trial");
                    // systemd-bless-boot, after boot-complete.target.
                    if !cut {
                        self.entries.insert(version, None);
                        self.on_trial = false;
                    }
                }
                Nature::Unhealthy => drop(self.tell(Event::Unhealthy("Docker does not run.".into()))),
                Nature::Stops | Nature::Panics => self.boot(),
            },
            Work::GiveUp(version) => {
                self.entries.insert(version, Some(0));
                self.boot();
            }
            Work::MarkBad(version) => drop(self.entries.insert(version, Some(0))),
            Work::BootOther(version) => {
                self.default = Some(version);
                self.boot();
            }
        }
        if cut {
            self.boot();
        }
        self.now += SignedDuration::from_secs(1);
        self.check();
        !is_at_rest
    }

    fn install(&mut self, release: &Release, cut: bool) {
        let target = 1 - self.running;
        assert!(!self.on_trial, "nothing is written while a release is on trial");
        self.slots[target] = None;
        self.check();
        if cut && release.version.to_string().ends_with('3') {
            return;
        }
        self.slots[target] = Some(release.version);
        self.default = None;
        // The oldest entries go, what runs never does.
        let running = self.running();
        self.entries.retain(|version, _| *version == running);
        self.entries.insert(release.version, Some(3));
        self.check();
        // Cut here, the boot loader knows of it and the record does not.
        if !cut {
            let _ = self.tell(Event::Installed);
        }
    }

    /// Starts the box: the boot loader takes the default, else the newest that has tries left.
    pub(crate) fn boot(&mut self) {
        let trial_before = self.on_trial.then(|| self.running());
        loop {
            let usable = |(version, tries): &(&ReleaseVersion, &Option<u32>)| {
                **tries != Some(0) && self.slots.contains(&Some(**version))
            };
            let newest = self.entries.iter().filter(usable).map(|(version, _)| *version).next_back();
            let chosen = self.default.or(newest).expect("something can be started");
            self.running = self.slots.iter().position(|slot| *slot == Some(chosen)).expect("it has a slot");
            self.boots += 1;
            let tries = self.entries.get_mut(&chosen).expect("it has an entry");
            self.on_trial = tries.is_some();
            if let Some(left) = tries {
                *left -= 1;
            }
            if self.nature(chosen) != Nature::Panics {
                break;
            }
            self.gone_bad.push(chosen);
        }
        if let Some(tried) = trial_before
            && tried != self.running()
        {
            self.gone_bad.push(tried);
        }
        self.tell(Event::Started).expect("a start always fits");
    }
}
