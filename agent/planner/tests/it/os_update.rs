use std::collections::BTreeSet;

use hearth_model::os::{Boot, BootEntry, Channel, UpdateRecord, UpdateState};
use hearth_planner::os_update::{Event, MAX_ATTEMPTS, next};
use jiff::Timestamp;
use proptest::prelude::*;

use crate::os_box::{Nature, SimBox, release};

/// Works until nothing is left to do.
fn settle(sim: &mut SimBox) {
    let mut steps = 0;
    while sim.work(false) {
        steps += 1;
        assert!(steps < 60, "it never comes to rest: {sim:?}");
    }
}

/// A box on release 1 that was told of release `patch` and has it ready.
fn ready(patch: u32, nature: Nature) -> SimBox {
    let mut sim = SimBox::new();
    sim.offers = release(patch);
    sim.natures.insert(release(patch).version, nature);
    sim.tell(Event::CheckWanted).expect("nothing is under way");
    settle(&mut sim);
    sim.tell(Event::UpdateWanted).expect("it is available");
    settle(&mut sim);
    assert_eq!(sim.record.state, UpdateState::ReadyToReboot { release: release(patch) });
    sim
}

#[test]
fn a_good_release_is_installed_and_blessed() {
    let mut sim = ready(2, Nature::Good);
    sim.tell(Event::RebootWanted).unwrap();
    settle(&mut sim);
    assert_eq!(sim.running(), release(2).version);
    assert!(matches!(sim.record.state, UpdateState::Blessed { .. }), "{:?}", sim.record.state);
}

#[test]
fn every_kind_of_bad_release_ends_on_the_old_one_with_a_reason_and_is_not_offered_again() {
    for (nature, why) in [
        (Nature::Panics, "did not start far enough"),
        (Nature::Unhealthy, "Docker does not run."),
        (Nature::Stops, "stopped before it had shown"),
    ] {
        let mut sim = ready(3, nature);
        sim.tell(Event::RebootWanted).unwrap();
        settle(&mut sim);
        assert_eq!(sim.running(), release(1).version);
        let UpdateState::WentBack { from, reason, .. } = &sim.record.state else {
            panic!("{nature:?}: {:?}", sim.record.state)
        };
        assert!(*from == release(3).version && reason.contains(why), "{nature:?}: {reason}");
        sim.tell(Event::CheckWanted).unwrap();
        settle(&mut sim);
        assert_eq!(sim.record.state, UpdateState::Idle);
        sim.offers = release(4);
        sim.tell(Event::CheckWanted).unwrap();
        settle(&mut sim);
        assert_eq!(sim.record.state, UpdateState::Available { release: release(4), unreached: None });
    }
}

#[test]
fn a_power_cut_at_the_end_of_the_last_trial_goes_back_for_good() {
    let mut sim = ready(2, Nature::Good);
    sim.boot();
    sim.boot();
    sim.boot();
    // Every check passed, and the boot loader was not told.
    sim.work(true);
    assert_eq!(sim.running(), release(1).version);
    assert!(matches!(sim.record.state, UpdateState::WentBack { .. }), "{:?}", sim.record.state);
    sim.tell(Event::CheckWanted).unwrap();
    settle(&mut sim);
    assert_eq!(sim.record.state, UpdateState::Idle, "it is not offered again");
}

#[test]
fn a_cancelled_update_is_taken_back_out() {
    let mut sim = ready(2, Nature::Good);
    sim.tell(Event::CancelWanted).unwrap();
    settle(&mut sim);
    assert!(sim.facts().entry(&release(2).version).is_none());
    sim.boot();
    assert_eq!(sim.running(), release(1).version);
}

#[test]
fn going_back_by_hand_stays_back_until_something_newer_comes() {
    let mut sim = ready(2, Nature::Good);
    sim.tell(Event::RebootWanted).unwrap();
    settle(&mut sim);
    sim.tell(Event::BackWanted(release(1).version)).unwrap();
    settle(&mut sim);
    assert_eq!(sim.running(), release(1).version);
    sim.tell(Event::CheckWanted).unwrap();
    settle(&mut sim);
    assert_eq!(sim.record.state, UpdateState::Idle);
    // Forward again, to what is known to be good.
    sim.tell(Event::BackWanted(release(2).version)).unwrap();
    settle(&mut sim);
    assert_eq!(sim.running(), release(2).version);
}

#[test]
fn an_offer_stays_where_the_channel_is_not_reached_again() {
    let mut sim = SimBox::new();
    sim.offers = release(2);
    sim.tell(Event::CheckWanted).unwrap();
    settle(&mut sim);
    let on_offer = |unreached| UpdateState::Available { release: release(2), unreached };
    sim.tell(Event::CheckWanted).unwrap();
    sim.tell(Event::Unreachable("no route to it".into())).unwrap();
    assert_eq!(sim.record.state, on_offer(Some("no route to it".into())));
    for forgets in [Event::Started, Event::CancelWanted] {
        sim.tell(Event::CheckWanted).unwrap();
        sim.tell(forgets).unwrap();
        assert_eq!(sim.record.state, on_offer(None));
    }
    // A stick that is not there has nothing, and what the channel offered would be looked for on it.
    sim.tell(Event::CheckElsewhereWanted).unwrap();
    sim.tell(Event::Unreachable("no such folder".into())).unwrap();
    assert!(matches!(&sim.record.state, UpdateState::Refused { .. }), "{:?}", sim.record.state);
}

#[test]
fn a_download_that_brings_nothing_waits_longer_and_is_given_up() {
    let mut sim = SimBox::new();
    sim.offers = release(2);
    sim.tell(Event::CheckWanted).unwrap();
    sim.work(false);
    sim.tell(Event::UpdateWanted).unwrap();
    let broke = |progressed| Event::DownloadBroke { reason: "the server broke off".into(), progressed };
    let mut waits = Vec::new();
    for _ in 0..10 {
        sim.tell(broke(false)).unwrap();
        let UpdateState::Downloading { waiting: Some(waiting), .. } = &sim.record.state else { panic!() };
        waits.push(waiting.until.duration_since(sim.now).as_secs());
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
    // Whoever gets something now and then is not given up.
    sim.tell(broke(true)).unwrap();
    for _ in 1..MAX_ATTEMPTS {
        assert!(matches!(sim.record.state, UpdateState::Downloading { .. }));
        sim.tell(broke(false)).unwrap();
    }
    assert!(matches!(&sim.record.state, UpdateState::Refused { reason, .. } if reason.contains("broke off")));
}

#[test]
fn nothing_that_somebody_may_want_fits_while_a_release_is_on_trial() {
    let mut sim = ready(2, Nature::Good);
    sim.tell(Event::RebootWanted).unwrap();
    sim.work(false);
    assert!(matches!(sim.record.state, UpdateState::Trying { .. }), "{:?}", sim.record.state);
    for event in owner_events() {
        let why = sim.tell(event.clone()).expect_err("it does not fit").0;
        assert!(why.len() > 20, "{event:?}: {why}");
    }
}

fn owner_events() -> Vec<Event> {
    vec![
        Event::CheckWanted,
        Event::CheckElsewhereWanted,
        Event::UpdateWanted,
        Event::CancelWanted,
        Event::RebootWanted,
        Event::BackWanted(release(1).version),
        Event::ChannelWanted(Channel::Beta),
    ]
}

/// Everything that can happen to a box.
#[derive(Debug, Clone)]
enum Happening {
    Work,
    PowerCut,
    CutDuringWork,
    AgentRestarts,
    Offers(u32, Nature),
    Tell(Event),
}

fn every_event() -> Vec<Event> {
    let mut events = owner_events();
    let text = || "a reason".to_owned();
    events.extend([
        Event::Started,
        Event::Answered(release(1)),
        Event::Answered(release(3)),
        Event::Unreachable(text()),
        Event::Distrusted(text()),
        Event::DownloadBroke { reason: text(), progressed: true },
        Event::DownloadBroke { reason: text(), progressed: false },
        Event::DownloadRefused(text()),
        Event::Downloaded,
        Event::Staged,
        Event::Installed,
        Event::InstallFailed(text()),
        Event::Withdrawn,
        Event::RebootFailed(text()),
        Event::Healthy,
        Event::Unhealthy(text()),
        Event::BackWanted(release(2).version),
        Event::BackWanted(release(3).version),
    ]);
    events
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let nature = prop_oneof![
        3 => Just(Nature::Good),
        1 => Just(Nature::Panics),
        1 => Just(Nature::Unhealthy),
        1 => Just(Nature::Stops)
    ];
    // What only a box that does it may answer stays with the simulator.
    let only_done = |event: &Event| {
        matches!(
            event,
            Event::Answered(_) | Event::Installed | Event::Withdrawn | Event::Healthy | Event::Unhealthy(_)
        )
    };
    let mut events: Vec<Event> = every_event().into_iter().filter(|event| !only_done(event)).collect();
    // What the owner does most comes more often.
    for _ in 0..4 {
        events.extend([Event::CheckWanted, Event::UpdateWanted, Event::RebootWanted]);
    }
    let one = prop_oneof![
        12 => Just(Happening::Work),
        1 => Just(Happening::PowerCut),
        2 => Just(Happening::CutDuringWork),
        1 => Just(Happening::AgentRestarts),
        2 => (2_u32..7, nature).prop_map(|(patch, nature)| Happening::Offers(patch, nature)),
        10 => prop::sample::select(events).prop_map(Happening::Tell),
    ];
    prop::collection::vec(one, 1..80)
}

fn live(happenings: &[Happening]) -> SimBox {
    let mut sim = SimBox::new();
    for happening in happenings {
        match happening.clone() {
            Happening::Work => drop(sim.work(false)),
            Happening::PowerCut => sim.boot(),
            Happening::CutDuringWork => drop(sim.work(true)),
            Happening::AgentRestarts => sim.tell(Event::Started).expect("a start always fits"),
            Happening::Offers(patch, nature) => {
                let offered = release(patch);
                // A release is what it is: the same bits do not turn bad later.
                sim.natures.entry(offered.version).or_insert(nature);
                sim.offers = offered;
            }
            Happening::Tell(event) => drop(sim.tell(event)),
        }
        sim.check();
    }
    sim
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_events_strands_the_box(happenings in happenings()) {
        let mut sim = live(&happenings);
        settle(&mut sim);
        prop_assert!(!sim.facts().on_trial, "no trial lasts for ever");
        let drawn = drawn();
        for (from, to) in sim.seen {
            prop_assert!(
                from == to || drawn.contains(&(from.to_owned(), to.to_owned())),
                "{from} --> {to} is not in the drawing"
            );
        }
    }
}

/// The transitions that the drawing in `docs/os-updates.md` has, without the start arrow.
fn drawn() -> BTreeSet<(String, String)> {
    let page = include_str!("../../../../docs/os-updates.md");
    let drawing = page.split("```mermaid").nth(1).and_then(|rest| rest.split("```").next());
    let edges = drawing.expect("the page has a drawing").lines().filter_map(|line| line.split_once("-->"));
    edges
        .map(|(from, to)| {
            (from.trim().to_owned(), to.split(':').next().unwrap_or_default().trim().to_owned())
        })
        .filter(|(from, _)| from != "[*]")
        .collect()
}

#[test]
fn every_arrow_of_the_drawing_is_a_transition() {
    let mut possible = BTreeSet::new();
    for state in states() {
        for boot in boots() {
            for boot_id in ["this", "another"] {
                let record =
                    UpdateRecord { state: state.clone(), boot_id: boot_id.into(), ..UpdateRecord::default() };
                for event in every_event() {
                    let to = next(&record, &boot, event, Timestamp::UNIX_EPOCH);
                    possible.extend(to.map(|to| (state.name().to_owned(), to.state.name().to_owned())));
                }
            }
        }
    }
    let never: Vec<_> = drawn().into_iter().filter(|arrow| !possible.contains(arrow)).collect();
    assert!(never.is_empty(), "drawn, and never happens: {never:?}");
}

fn states() -> Vec<UpdateState> {
    let (release, version, at, reason) =
        (release(2), release(2).version, Timestamp::UNIX_EPOCH, String::new());
    let release = || release.clone();
    vec![
        UpdateState::Idle,
        UpdateState::Checking { offer: None },
        UpdateState::Checking { offer: Some(release()) },
        UpdateState::Available { release: release(), unreached: None },
        UpdateState::Downloading { release: release(), attempts: MAX_ATTEMPTS, waiting: None },
        UpdateState::Verified { release: release() },
        UpdateState::Installing { release: release() },
        UpdateState::ReadyToReboot { release: release() },
        UpdateState::Rebooting { release: release() },
        UpdateState::Withdrawing { release: release() },
        UpdateState::Trying { version, since: at },
        UpdateState::Failing { version, reason: reason.clone() },
        UpdateState::Blessed { version, at },
        UpdateState::WentBack { from: version, reason: reason.clone(), at },
        UpdateState::GoingBack { to: version },
        UpdateState::Refused { reason, at },
    ]
}

fn boots() -> Vec<Boot> {
    let mut boots = Vec::new();
    for (running, on_trial) in [(1, false), (2, false), (2, true)] {
        for other in [None, Some(None), Some(Some(0)), Some(Some(2))] {
            let entry = |patch, tries_left| BootEntry { version: release(patch).version, tries_left };
            let mut entries = vec![entry(running, on_trial.then_some(2))];
            entries.extend(other.map(|tries| entry(3 - running, tries)));
            boots.push(Boot { id: "this".into(), version: release(running).version, on_trial, entries });
        }
    }
    boots
}
