use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ReleaseVersion;

/// What can be done to the slots and to the boot loader's entries. The agent may not do it itself: it starts the unit
/// `hearth-slot@VERB:VERSION.service`, and reads the [`SlotAnswer`]. Each may be cut off at any instant, and done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlotVerb {
    /// Writes root and hash tree of a staged release into the slot that does not run, and reads them back.
    Write,
    /// Gives the boot loader the kernel of a release that was written, with three tries.
    Enable,
    /// Makes the boot loader and the slot forget a release that does not run.
    Withdraw,
    /// Keeps the release that runs: the boot loader stops counting its tries.
    Bless,
    /// Gives a release up: the boot loader does not start it any more.
    Bad,
    /// Has the boot loader take an older release that was kept, from the next start on, with three tries.
    Boot,
}

impl SlotVerb {
    /// All of them.
    pub const ALL: [SlotVerb; 6] = [
        SlotVerb::Write,
        SlotVerb::Enable,
        SlotVerb::Withdraw,
        SlotVerb::Bless,
        SlotVerb::Bad,
        SlotVerb::Boot,
    ];

    /// Returns its name, as it stands in the unit's name and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            SlotVerb::Write => "write",
            SlotVerb::Enable => "enable",
            SlotVerb::Withdraw => "withdraw",
            SlotVerb::Bless => "bless",
            SlotVerb::Bad => "bad",
            SlotVerb::Boot => "boot",
        }
    }
}

/// One thing that is to be done to the slots, `write:1.4.0`: the instance of `hearth-slot@.service`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotTask {
    /// What.
    pub verb: SlotVerb,
    /// With which release.
    pub version: ReleaseVersion,
}

impl SlotTask {
    /// Returns the name of the unit that does it. Nothing in it needs escaping.
    pub fn unit(self) -> String {
        format!("hearth-slot@{self}.service")
    }
}

impl fmt::Display for SlotTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.verb.name(), self.version)
    }
}

/// A text that names nothing that can be done to the slots.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not VERB:VERSION, such as write:1.4.0, where VERB is write, enable, withdraw, bless, bad or boot"
)]
pub struct InvalidSlotTask(String);

impl FromStr for SlotTask {
    type Err = InvalidSlotTask;

    fn from_str(text: &str) -> Result<Self, InvalidSlotTask> {
        let invalid = || InvalidSlotTask(text.chars().take(80).collect());
        let (verb, version) = text.split_once(':').ok_or_else(invalid)?;
        let verb = SlotVerb::ALL.into_iter().find(|one| one.name() == verb).ok_or_else(invalid)?;
        Ok(Self { verb, version: version.parse().map_err(|_| invalid())? })
    }
}

/// What came of a [`SlotTask`]: the content of `/run/hearth/slot/VERB.json`. It is removed when the task begins, so one
/// that is there is of the last run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotAnswer {
    /// What was to be done.
    pub verb: SlotVerb,
    /// With which release.
    pub version: ReleaseVersion,
    /// Whether it was.
    pub ok: bool,
    /// Why not, for the owner; only when it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How far [`SlotVerb::Write`] is: the content of `/run/hearth/slot/progress.json`, there while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotProgress {
    /// Bytes that were written and read back; one that was only written counts half.
    pub done_bytes: u64,
    /// Bytes of root and hash tree.
    pub total_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_what_its_unit_is_called() {
        for verb in SlotVerb::ALL {
            let task = SlotTask { verb, version: ReleaseVersion::new(1, 40, 0) };
            assert_eq!(task.to_string().parse(), Ok(task));
            assert_eq!(serde_json::to_value(verb).unwrap(), verb.name());
            assert_eq!(task.unit(), format!("hearth-slot@{}:1.40.0.service", verb.name()));
        }
        for text in ["", "write", "write:", "Write:1.0.0", "write:1.0", "write:1.0.0:", "erase:1.0.0"] {
            assert!(text.parse::<SlotTask>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_answer_is_short_when_it_is_good() {
        let good = SlotAnswer {
            verb: SlotVerb::Bless,
            version: ReleaseVersion::new(1, 4, 0),
            ok: true,
            reason: None,
        };
        let text = serde_json::to_string(&good).unwrap();
        assert_eq!(text, r#"{"verb":"bless","version":"1.4.0","ok":true}"#);
        assert_eq!(serde_json::from_str::<SlotAnswer>(&text).unwrap(), good);
    }
}
