use std::sync::Arc;

use hearth_model::StoreId;
use hearth_model::package::{Category, Package};

use crate::catalog::{Catalog, Entry};

/// What is being looked for.
#[derive(Debug, Clone, Default)]
pub struct PackageQuery {
    /// Words that must all occur.
    pub text: Option<String>,
    /// Only this category.
    pub category: Option<Category>,
    /// Only this store.
    pub store: Option<StoreId>,
}

/// What the search looks at, in lower case.
#[derive(Debug)]
pub(super) struct Haystack {
    name: String,
    /// Name and id, tagline, description.
    fields: [String; 3],
}

impl Haystack {
    pub(super) fn new(package: &Package) -> Self {
        let manifest = &package.manifest;
        let name = manifest.name.to_lowercase();
        let fields = [
            format!("{name} {}", manifest.id),
            manifest.tagline.to_lowercase(),
            manifest.description.to_lowercase(),
        ];
        Self { name, fields }
    }

    /// Returns how well it answers the words, lower is better; `None` when a word is nowhere in it.
    fn rank(&self, words: &[String]) -> Option<usize> {
        words
            .iter()
            .map(|word| {
                let field = self.fields.iter().position(|text| text.contains(word.as_str()))?;
                let starts = self.fields[field].starts_with(word.as_str());
                Some(field * 2 + usize::from(!starts))
            })
            .sum()
    }
}

impl Catalog {
    /// Returns the packages that answer the query: best first, then by name.
    pub(crate) fn search(&self, query: &PackageQuery) -> Vec<Arc<Entry>> {
        let words: Vec<String> = query
            .text
            .as_deref()
            .unwrap_or("")
            .to_lowercase()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let stores = self.stores();
        let mut found: Vec<(usize, &Arc<Entry>)> = stores
            .iter()
            .filter(|store| query.store.as_ref().is_none_or(|wanted| wanted == &store.id))
            .flat_map(|store| store.packages.values())
            .filter(|entry| query.category.is_none_or(|wanted| wanted == entry.package.manifest.category))
            .filter_map(|entry| Some((entry.haystack.rank(&words)?, entry)))
            .collect();
        found.sort_by(|(a_rank, a), (b_rank, b)| {
            a_rank.cmp(b_rank).then_with(|| {
                a.haystack.name.cmp(&b.haystack.name).then_with(|| a.package.store.cmp(&b.package.store))
            })
        });
        found.into_iter().map(|(_, entry)| Arc::clone(entry)).collect()
    }
}
