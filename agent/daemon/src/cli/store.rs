use std::path::{Path, PathBuf};

use axum::http::Method;
use clap::Subcommand;
use hearth_model::StoreId;
use hearth_model::api::apps::Changed;
use hearth_model::api::store::{AddStore, PackageDetail, PackageSummary, StoreSummary};
use hearth_model::package::Category;

use super::client::{Client, part};
use super::error::{CliError, Exit};
use super::output::{Output, table};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists packages on offer.
    List {
        /// Only this store.
        #[arg(long)]
        store: Option<StoreId>,
        /// Only this category: `files`, `photos`, `media` …
        #[arg(long, value_parser = category)]
        category: Option<Category>,
    },
    /// Looks for packages by words.
    Search {
        /// Words that must all occur.
        #[arg(required = true)]
        words: Vec<String>,
    },
    /// Shows a package.
    Show {
        /// The package.
        package: String,
        /// The store, where several have a package of that name.
        #[arg(long)]
        store: Option<StoreId>,
    },
    /// Lists stores.
    Stores,
    /// Adds a store: a folder of packages in the format of Hearth, Umbrel, CasaOS or Runtipi.
    Add {
        /// Where it is.
        location: String,
        /// What it is called in commands; made from its location when left out.
        #[arg(long)]
        id: Option<StoreId>,
        /// What people read.
        #[arg(long)]
        name: Option<String>,
    },
    /// Removes a store; apps that came from it stay.
    Remove {
        /// The store.
        store: StoreId,
    },
    /// Reads a store anew, or all of them.
    Refresh {
        /// The store.
        store: Option<StoreId>,
    },
    /// Checks packages; needs no service.
    Lint(super::lint::Args),
    /// Says for every package of a store, also of Umbrel, CasaOS or Runtipi, whether it loads, resolves and plans; needs no
    /// service.
    Check(super::check::Args),
    /// Prints the JSON Schema of `app.yml`; needs no service.
    Schema,
}

pub(super) async fn run(client: &Client, output: &Output, command: Command) -> Result<(), CliError> {
    match command {
        Command::List { store, category } => {
            let mut query = Vec::new();
            query.extend(store.map(|store| format!("store={store}")));
            query.extend(category.map(|category| format!("category={}", word(&category))));
            packages(client, output, &query.join("&")).await
        }
        Command::Search { words } => packages(client, output, &format!("q={}", part(&words.join(" ")))).await,
        Command::Show { package, store } => {
            let store = match store {
                Some(store) => store,
                None => super::install::store_of(client, &package).await?,
            };
            let detail =
                client.get::<PackageDetail>(&format!("/store/packages/{store}/{}", part(&package))).await?;
            output.value(&detail, in_words)
        }
        Command::Stores => {
            let stores = client.get::<Vec<StoreSummary>>("/stores").await?;
            output.value(&stores, |stores| stores_in_words(stores))
        }
        Command::Add { location, id, name } => add(client, output, location, id, name).await,
        Command::Remove { store } => {
            let changed = client.delete::<Changed>(&format!("/stores/{store}")).await?;
            output.value(&changed, |_| format!("{store} is removed"))
        }
        Command::Refresh { store } => {
            let all = client.get::<Vec<StoreSummary>>("/stores").await?;
            let wanted = match &store {
                Some(store) => vec![store.clone()],
                None => all.into_iter().map(|store| store.id).collect(),
            };
            let mut fresh = Vec::new();
            for store in wanted {
                fresh.push(client.post::<StoreSummary>(&format!("/stores/{store}/refresh")).await?);
            }
            output.value(&fresh, |stores| stores_in_words(stores))
        }
        Command::Lint(_) | Command::Check(_) | Command::Schema => {
            unreachable!("these were run before the service was asked")
        }
    }
}

async fn packages(client: &Client, output: &Output, query: &str) -> Result<(), CliError> {
    let found = client.get::<Vec<PackageSummary>>(&format!("/store/packages?{query}")).await?;
    output.value(&found, |found| {
        let rows: Vec<_> = found
            .iter()
            .map(|offer| {
                let installed = offer.installed.as_ref().map(|_| "installed".to_owned());
                [
                    offer.package.clone(),
                    offer.version.clone(),
                    word(&offer.category),
                    offer.store.to_string(),
                    installed.unwrap_or_default(),
                    offer.tagline.clone(),
                ]
            })
            .collect();
        let none = "nothing was found; `hearth store stores` shows which stores there are";
        table(["PACKAGE", "VERSION", "CATEGORY", "STORE", "", "WHAT IT IS"], &rows, none)
    })
}

async fn add(
    client: &Client,
    output: &Output,
    location: String,
    id: Option<StoreId>,
    name: Option<String>,
) -> Result<(), CliError> {
    let location = if location.contains("://") {
        location
    } else {
        // The service has another working directory.
        let folder = std::fs::canonicalize(&location).map_err(|error| {
            CliError::new(Exit::NotFound, format!("the folder {location} cannot be opened: {error}"))
        })?;
        folder.display().to_string()
    };
    let id = match id {
        Some(id) => id,
        None => id_from(&location).ok_or_else(|| {
            CliError::new(Exit::Usage, format!("no id can be made from {location}; choose one with --id"))
        })?,
    };
    let request = AddStore { name: name.unwrap_or_else(|| id.to_string()), id: id.clone(), location };
    let changed = client.send::<Changed>(Method::POST, "/stores", &request).await?;
    output.value(&changed, |_| format!("{id} is added"))
}

fn id_from(location: &str) -> Option<StoreId> {
    let last = PathBuf::from(location.trim_end_matches('/'));
    let stem = last.file_name()?.to_str()?;
    let stem = Path::new(stem).file_stem()?.to_str()?;
    stem.to_lowercase().parse().ok()
}

fn in_words(package: &PackageDetail) -> String {
    let manifest = &package.manifest;
    let mut text = format!(
        "{} {} ({} of {})\n{}\n\n",
        manifest.name, manifest.version, manifest.id, package.store, manifest.tagline
    );
    if !manifest.description.is_empty() {
        text.push_str(manifest.description.trim());
        text.push_str("\n\n");
    }
    let links = [
        ("Web site", &manifest.website),
        ("Source", &manifest.source),
        ("Support", &manifest.support),
        ("Licence", &manifest.license),
    ];
    for (label, value) in links {
        if let Some(value) = value {
            text.push_str(&format!("{label:9} {value}\n"));
        }
    }
    for image in &package.images {
        text.push_str(&format!("Image     {}\n", image.familiar()));
    }
    if let Some(web) = &manifest.web {
        text.push_str(&format!("Opens at  port {}\n", web.host_port));
    }
    for port in &package.ports {
        text.push_str(&format!("Port      {}/{} ({})\n", port.port, port.protocol.as_str(), port.service));
    }
    for asked in &package.access {
        text.push_str(&format!("It may    {}\n", asked.means));
    }
    for field in manifest.settings.iter().filter(|field| !field.hidden) {
        let needed = if field.required { ", needed" } else { "" };
        text.push_str(&format!("Setting   {}: {}{needed}\n", field.name, field.label));
    }
    match (&package.refused, &package.installed) {
        (Some(reason), _) => text.push_str(&format!("\nIt cannot be installed: {reason}\n")),
        (None, Some(app)) => text.push_str(&format!("\nInstalled: `hearth app show {app}`\n")),
        (None, None) => text.push_str(&format!("\nInstall it with `hearth app install {}`\n", manifest.id)),
    }
    text
}

fn stores_in_words(stores: &[StoreSummary]) -> String {
    let rows: Vec<_> = stores
        .iter()
        .map(|store| {
            [store.id.to_string(), store.name.clone(), store.packages.to_string(), store.location.clone()]
        })
        .collect();
    let mut text = table(["STORE", "NAME", "PACKAGES", "LOCATION"], &rows, "there are no stores\n");
    for store in stores {
        for refused in &store.refused {
            text.push_str(&format!("{}/{} is left out: {}\n", store.id, refused.package, refused.reason));
        }
    }
    text
}

fn category(text: &str) -> Result<Category, String> {
    serde_json::from_value(text.into()).map_err(|_| {
        let known: Vec<_> = Category::ALL.iter().map(word).collect();
        format!("the categories are {}", known.join(", "))
    })
}

fn word(category: &Category) -> String {
    serde_json::to_value(category)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_made_from_locations() {
        for (location, id) in [
            ("/srv/My-Store/", Some("my-store")),
            ("https://example.org/someone/apps.git", Some("apps")),
            ("https://example.org/store.tar", Some("store")),
            ("/", None),
            ("/srv/with space", None),
        ] {
            assert_eq!(id_from(location).as_ref().map(StoreId::as_str), id, "{location}");
        }
        assert_eq!(category("rss"), Ok(Category::Rss));
        assert!(category("cooking").unwrap_err().contains("monitoring"));
    }
}
