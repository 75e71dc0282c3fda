/// Where packages come from.
mod sources;

use clap::Subcommand;
use hearth_model::StoreId;
use hearth_model::api::store::{PackageDetail, PackageSummary};
use hearth_model::package::Category;
use serde::Serialize;

use super::client::{Client, part};
use super::error::CliError;
use super::install::scripts_in_words;
use super::output::{Output, table};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists stores, what their last refresh brought, and what is wrong with them.
    #[command(alias = "stores")]
    List,
    /// Lists packages on offer, or those that have all of some words.
    Search {
        /// Words that must all occur.
        words: Vec<String>,
        /// Only this store.
        #[arg(long)]
        store: Option<StoreId>,
        /// Only this category: `files`, `photos`, `media` …
        #[arg(long, value_parser = category)]
        category: Option<Category>,
    },
    /// Shows a package.
    Show {
        /// The package.
        package: String,
        /// The store, where several have a package of that name.
        #[arg(long)]
        store: Option<StoreId>,
    },
    /// Adds a store of packages in the format of Hearth, Umbrel, CasaOS or Runtipi.
    Add {
        /// A folder, the address of an archive (`https://….zip`, `.tar.gz`, `.tar.zst`, `.tar`), or the address of a git
        /// repository (`https://….git`, with `#branch` if you like).
        address: String,
        /// Its id in commands; made from its address by default.
        #[arg(long)]
        id: Option<StoreId>,
        /// Its name for people.
        #[arg(long)]
        name: Option<String>,
    },
    /// Removes a store; apps that came from it stay.
    Remove {
        /// The store.
        store: StoreId,
    },
    /// Refreshes a store, or all of them.
    Refresh {
        /// The store.
        store: Option<StoreId>,
    },
    /// Checks packages; needs no service.
    Lint(super::lint::Args),
    /// Tells for every package of a store, also of Umbrel, CasaOS or Runtipi, whether it loads, resolves and plans; needs no
    /// service.
    Check(super::check::Args),
    /// Prints the JSON Schema of `app.yml`; needs no service.
    Schema,
}

pub(super) async fn run(client: &Client, output: &Output, command: Command) -> Result<(), CliError> {
    match command {
        Command::List => sources::list(client, output).await,
        Command::Search { words, store, category } => {
            let mut query = Vec::new();
            query.extend((!words.is_empty()).then(|| format!("q={}", part(&words.join(" ")))));
            query.extend(store.map(|store| format!("store={store}")));
            query.extend(category.map(|category| format!("category={}", word(&category))));
            packages(client, output, &query.join("&")).await
        }
        Command::Show { package, store } => {
            let store = match store {
                Some(store) => store,
                None => super::install::store_of(client, &package).await?,
            };
            let detail =
                client.get::<PackageDetail>(&format!("/store/packages/{store}/{}", part(&package))).await?;
            output.value(&detail, in_words)
        }
        Command::Add { address, id, name } => sources::add(client, output, address, id, name).await,
        Command::Remove { store } => sources::remove(client, output, &store).await,
        Command::Refresh { store } => sources::refresh(client, output, store).await,
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
        let none = "nothing was found; `hearth store list` shows which stores there are";
        table(["PACKAGE", "VERSION", "CATEGORY", "STORE", "", "WHAT IT IS"], &rows, none)
    })
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
    text.push_str(&format!("Digest    {}\n", package.digest));
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
    if let Some(scripts) = scripts_in_words(package) {
        text.push_str(&format!("It runs   {scripts}\n"));
    }
    for widget in &manifest.widgets {
        text.push_str(&format!("Widget    {} ({})\n", widget.id, word(&widget.kind)));
    }
    for field in manifest.settings.iter().filter(|field| !field.hidden) {
        let needed = if field.required { ", needed" } else { "" };
        text.push_str(&format!("Setting   {}: {}{needed}\n", field.name, field.label));
    }
    if let Some(tips) = &manifest.tips {
        text.push_str(&format!("\n{}\n", tips.trim()));
    }
    match (&package.refused, &package.installed) {
        (Some(reason), _) => text.push_str(&format!("\nIt cannot be installed: {reason}\n")),
        (None, Some(app)) => text.push_str(&format!("\nInstalled: `hearth app show {app}`\n")),
        (None, None) => text.push_str(&format!("\nInstall it with `hearth app install {}`\n", manifest.id)),
    }
    text
}

fn category(text: &str) -> Result<Category, String> {
    serde_json::from_value(text.into()).map_err(|_| {
        let known: Vec<_> = Category::ALL.iter().map(word).collect();
        format!("the categories are {}", known.join(", "))
    })
}

/// Returns the name that something has in documents.
fn word(named: &impl Serialize) -> String {
    serde_json::to_value(named).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_are_read_by_name() {
        assert_eq!(category("rss"), Ok(Category::Rss));
        assert!(category("cooking").unwrap_err().contains("monitoring"));
    }
}
