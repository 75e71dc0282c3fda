use hearth_model::api::apps::Changed;
use hearth_model::api::store::{
    AddStore, AddedStore, StoreChanges, StorePhase, StoreProgress, StoreSummary, is_unprotected,
};
use hearth_model::event::Event;
use hearth_model::{Bytes, StoreId};
use hyper::Method;
use jiff::Timestamp;

use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::output::{Output, Ticker, note, table};

/// Endings of addresses that are no part of a store's name.
const ENDINGS: [&str; 7] = [".git", ".zip", ".tar.gz", ".tar.zst", ".tar", ".tgz", ".tzst"];

pub(super) async fn list(client: &Client, output: &Output) -> Result<(), CliError> {
    let stores = client.get::<Vec<StoreSummary>>("/stores").await?;
    output.value(&stores, |stores| in_words(stores))
}

pub(super) async fn add(
    client: &Client,
    output: &Output,
    address: String,
    id: Option<StoreId>,
    name: Option<String>,
) -> Result<(), CliError> {
    let location = if address.contains("://") {
        address
    } else {
        // The service has another working directory.
        let folder = std::fs::canonicalize(&address).map_err(|error| {
            CliError::new(Exit::NotFound, format!("the folder {address} cannot be opened: {error}"))
        })?;
        folder.display().to_string()
    };
    let id = match id.or_else(|| id_from(&location)) {
        Some(id) => id,
        None => {
            let message = format!("no id can be made from {location}; choose one with --id");
            return Err(CliError::new(Exit::Usage, message));
        }
    };
    let request = AddStore { name: name.unwrap_or_else(|| id.to_string()), id: id.clone(), location };
    let asked = client.send::<AddedStore>(Method::POST, "/stores", &request);
    let added = with_progress(client, output, &id, asked).await?;
    if is_unprotected(&added.store.location) {
        note(&unprotected(&id));
    }
    output.value(&added, |AddedStore { store, generation: _ }| {
        format!("{id} is added: {}{}", packages(store), refused(store))
    })
}

fn unprotected(id: &StoreId) -> String {
    format!(
        "{id} comes over plain http: whoever is on the way between this box and its server can change its packages; \
         add it by an address that begins with https:// if it has one"
    )
}

pub(super) async fn remove(client: &Client, output: &Output, store: &StoreId) -> Result<(), CliError> {
    let stores = client.get::<Vec<StoreSummary>>("/stores").await?;
    let apps = stores.into_iter().find(|known| known.id == *store).map(|known| known.apps);
    let changed = client.delete::<Changed>(&format!("/stores/{store}")).await?;
    output.value(&changed, |_| format!("{store} is removed"))?;
    let apps: Vec<String> = apps.unwrap_or_default().iter().map(ToString::to_string).collect();
    if !apps.is_empty() && !output.is_json() {
        note(&format!("these apps came from it; they stay and get no more updates: {}", apps.join(", ")));
    }
    Ok(())
}

/// Refreshes one store, or each: one that fails does not keep the others from it.
pub(super) async fn refresh(
    client: &Client,
    output: &Output,
    store: Option<StoreId>,
) -> Result<(), CliError> {
    let wanted = match store {
        Some(store) => vec![store],
        None => {
            let all = client.get::<Vec<StoreSummary>>("/stores").await?;
            all.into_iter().map(|store| store.id).collect()
        }
    };
    let began = Timestamp::now();
    let mut fresh = Vec::new();
    let mut failed = None;
    for id in wanted {
        let path = format!("/stores/{id}/refresh");
        let asked = client.post::<StoreSummary>(&path);
        match with_progress(client, output, &id, asked).await {
            Ok(store) => fresh.push(store),
            Err(error) => {
                let message = format!("{id} keeps what it has: {error}");
                if let Some(earlier) = failed.replace(CliError::new(error.exit, message)) {
                    note(&earlier.to_string());
                }
            }
        }
    }
    output.value(&fresh, |stores| stores.iter().map(|store| refreshed(store, began)).collect())?;
    failed.map_or(Ok(()), Err)
}

/// Waits for an answer, and shows how far the store is meanwhile.
async fn with_progress<T>(
    client: &Client,
    output: &Output,
    id: &StoreId,
    asked: impl Future<Output = Result<T, CliError>>,
) -> Result<T, CliError> {
    if output.is_json() {
        return asked.await;
    }
    let mut ticker = Ticker::default();
    let shown = async {
        let mut events = client.events("/events").await?;
        while let Some(event) = events.next().await? {
            if let Ok(Event::StoreProgress { id: of, progress }) = serde_json::from_str(&event)
                && of == *id
            {
                ticker.show(&progress_in_words(id, &progress));
            }
        }
        // The answer says what happened to the service.
        std::future::pending::<Result<T, CliError>>().await
    };
    let result = tokio::select! {
        answer = asked => answer,
        // That nothing can be shown does not matter as long as there is an answer.
        Err(error) = shown => Err(error),
    };
    ticker.finish();
    result
}

fn progress_in_words(id: &StoreId, progress: &StoreProgress) -> String {
    let StoreProgress { phase, bytes: done, total } = progress;
    let what = match phase {
        StorePhase::Fetching => "fetching",
        StorePhase::Unpacking => "unpacking",
        StorePhase::Reading => "reading packages",
    };
    match (done, total) {
        (0, _) => format!("{id}: {what}"),
        (done, Some(total)) => format!("{id}: {what}, {} of {}", Bytes(*done), Bytes(*total)),
        (done, None) => format!("{id}: {what}, {}", Bytes(*done)),
    }
}

fn in_words(stores: &[StoreSummary]) -> String {
    let rows: Vec<_> = stores
        .iter()
        .map(|store| {
            let refreshed = match (&store.refreshed_at, store.built_in) {
                (Some(at), _) => at.strftime("%Y-%m-%d %H:%M").to_string(),
                (None, true) => "with Hearth".to_owned(),
                (None, false) => "never".to_owned(),
            };
            let id = store.id.to_string();
            [id, store.name.clone(), store.packages.to_string(), refreshed, store.location.clone()]
        })
        .collect();
    let mut text =
        table(["STORE", "NAME", "PACKAGES", "REFRESHED", "LOCATION"], &rows, "there are no stores\n");
    for store in stores {
        if is_unprotected(&store.location) {
            text.push_str(&format!("{}\n", unprotected(&store.id)));
        }
        if let Some(changes) = &store.changes {
            let on = changes.at.strftime("%Y-%m-%d");
            text.push_str(&format!("{}, changes of {on}: {}\n", store.id, changes_in_words(changes)));
        }
        if let Some(problem) = &store.problem {
            let at = problem.at.strftime("%Y-%m-%d %H:%M");
            text.push_str(&format!("{}, refresh failed at {at}: {}\n", store.id, problem.message));
        }
        for refused in &store.refused {
            text.push_str(&format!("{}/{} is left out: {}\n", store.id, refused.package, refused.reason));
        }
    }
    text
}

/// What a refresh that began at a time came to.
fn refreshed(store: &StoreSummary, began: Timestamp) -> String {
    let fresh = store.changes.as_ref().filter(|changes| changes.at >= began);
    let brought = fresh.map_or_else(|| "nothing changed".to_owned(), changes_in_words);
    format!("{}: {}; {brought}{}\n", store.id, packages(store), refused(store))
}

fn packages(store: &StoreSummary) -> String {
    if store.packages == 1 { "1 package".to_owned() } else { format!("{} packages", store.packages) }
}

fn refused(store: &StoreSummary) -> String {
    match store.refused.len() {
        0 => String::new(),
        count => format!("; {count} cannot be used, `hearth store list` says why"),
    }
}

fn changes_in_words(changes: &StoreChanges) -> String {
    let StoreChanges { at: _, added, updated, removed } = changes;
    let lists = [("new", added), ("updated", updated), ("gone", removed)];
    let words = lists.iter().filter(|(_, list)| !list.is_empty()).map(|(what, list)| {
        let names = list.iter().map(|package| match (&package.from, &package.to) {
            (Some(from), Some(to)) if from != to => format!("{} {from} → {to}", package.package),
            _ => package.package.clone(),
        });
        format!("{what}: {}", names.collect::<Vec<_>>().join(", "))
    });
    words.collect::<Vec<_>>().join("; ")
}

/// Makes an id from the last part of an address that says something.
fn id_from(location: &str) -> Option<StoreId> {
    let path = location.split(['?', '#']).next()?;
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    let mut parts = path.trim_end_matches('/').split('/').rev();
    let last = parts.next()?.to_lowercase();
    let stem = ENDINGS.iter().find_map(|ending| last.strip_suffix(ending)).unwrap_or(&last);
    let id = match stem {
        // `https://github.com/owner/apps/archive/refs/heads/main.zip`
        "main" | "master" => parts.find(|part| !["archive", "refs", "heads"].contains(part))?.to_lowercase(),
        stem => stem.to_owned(),
    };
    StoreId::from_name(&id)
}

#[cfg(test)]
mod tests {
    use hearth_model::api::store::ChangedPackage;

    use super::*;

    #[test]
    fn ids_are_made_from_addresses() {
        for (location, id) in [
            ("/srv/My-Store/", Some("my-store")),
            ("https://example.org/someone/Apps.git#next", Some("apps")),
            ("https://example.org/someone/apps", Some("apps")),
            ("https://example.org/store.tar.gz?token=1", Some("store")),
            ("https://github.com/owner/apps/archive/refs/heads/main.zip", Some("apps")),
            ("/", None),
            ("/srv/with space", Some("with-space")),
            ("/srv/a+b", Some("a-b")),
            ("/srv/+++", None),
        ] {
            assert_eq!(id_from(location).as_ref().map(StoreId::as_str), id, "{location}");
        }
    }

    #[test]
    fn changes_and_progress_are_short() {
        let package = |id: &str, from: Option<&str>, to: Option<&str>| ChangedPackage {
            package: id.to_owned(),
            name: id.to_owned(),
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
        };
        let changes = StoreChanges {
            at: Timestamp::UNIX_EPOCH,
            added: vec![package("a", None, Some("1")), package("b", None, Some("1"))],
            updated: vec![package("c", Some("1"), Some("2")), package("d", Some("1"), Some("1"))],
            removed: Vec::new(),
        };
        assert_eq!(changes_in_words(&changes), "new: a, b; updated: c 1 → 2, d");
        let id: StoreId = "mine".parse().expect("an id");
        let progress = StoreProgress { phase: StorePhase::Fetching, bytes: 1_500, total: Some(3_000) };
        assert_eq!(progress_in_words(&id, &progress), "mine: fetching, 1.5 kB of 3 kB");
        let progress = StoreProgress { phase: StorePhase::Reading, bytes: 0, total: None };
        assert_eq!(progress_in_words(&id, &progress), "mine: reading packages");
    }
}
