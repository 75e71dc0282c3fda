use std::collections::BTreeSet;

use hearth_model::api::store::PackageSummary;
use hearth_model::package::Category;

use crate::{letters, text};

/// Returns the packages that answer a search, best first. Every word must be found, in the name, the line below it or the
/// category.
pub(crate) fn packages(
    all: &[PackageSummary],
    words: &str,
    category: Option<Category>,
) -> Vec<PackageSummary> {
    let words: Vec<String> = words.split_whitespace().map(letters::lower).collect();
    let in_category =
        all.iter().filter(|package| category.is_none_or(|category| package.category == category));
    let mut found: Vec<(u32, &PackageSummary)> =
        in_category.filter_map(|package| Some((score(package, &words)?, package))).collect();
    found.sort_by(|(a_score, a), (b_score, b)| {
        b_score
            .cmp(a_score)
            .then_with(|| letters::lower(&a.name).cmp(&letters::lower(&b.name)))
            .then(a.store.cmp(&b.store))
    });
    found.into_iter().map(|(_, package)| package.clone()).collect()
}

/// Categories that have a package, in the store's order.
pub(crate) fn categories(all: &[PackageSummary]) -> Vec<Category> {
    Category::ALL
        .into_iter()
        .filter(|category| all.iter().any(|package| package.category == *category))
        .collect()
}

/// Names, in small letters, that more than one package has.
pub(crate) fn shared_names(all: &[PackageSummary]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let names = all.iter().map(|package| letters::lower(&package.name));
    names.filter(|name| !seen.insert(name.clone())).collect()
}

fn score(package: &PackageSummary, words: &[String]) -> Option<u32> {
    let name = letters::lower(&package.name);
    let id = letters::lower(&package.package);
    let tagline = letters::lower(&package.tagline);
    let category = letters::lower(text::category(package.category));
    let mut sum = 0;
    for word in words {
        sum += match () {
            () if name == *word => 100,
            () if name.starts_with(word.as_str()) => 50,
            () if name.contains(word.as_str()) || id.contains(word.as_str()) => 20,
            () if category.contains(word.as_str()) => 8,
            () if tagline.contains(word.as_str()) => 5,
            () => return None,
        };
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, tagline: &str, category: Category) -> PackageSummary {
        PackageSummary {
            store: "official".parse().expect("valid"),
            package: name.to_lowercase(),
            name: name.into(),
            tagline: tagline.into(),
            version: "1".into(),
            category,
            icon: String::new(),
            installed: None,
        }
    }

    fn names(all: &[PackageSummary], words: &str, category: Option<Category>) -> Vec<String> {
        packages(all, words, category).into_iter().map(|package| package.name).collect()
    }

    #[test]
    fn the_name_counts_more_than_the_line_below_it() {
        let all = [
            package("Photoview", "A gallery", Category::Photos),
            package("Immich", "Photos and videos from your phone", Category::Photos),
            package("Files", "Photo friendly storage", Category::Files),
        ];
        assert_eq!(names(&all, "photo", None), ["Photoview", "Immich", "Files"]);
        assert_eq!(names(&all, "photo phone", None), ["Immich"]);
        assert_eq!(names(&all, "PHOTO", Some(Category::Files)), ["Files"]);
        assert!(names(&all, "nothing", None).is_empty());
    }

    #[test]
    fn without_words_everything_stands_by_name() {
        let all = [package("b", "", Category::Files), package("A", "", Category::Ai)];
        assert_eq!(names(&all, "  ", None), ["A", "b"]);
        assert_eq!(categories(&all), [Category::Files, Category::Ai]);
    }
}
