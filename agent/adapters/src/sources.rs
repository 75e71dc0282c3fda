use hearth_compose::SourceFile;
use hearth_model::package::{Architecture, Package};

/// Returns what a package's containers are read from, each file merged over those before: its own Compose file, what its
/// adapter lays over it, and what is different on a box with this processor.
pub fn sources(package: &Package, processor: Option<Architecture>) -> Vec<SourceFile> {
    let conventions = &package.conventions;
    let special = processor.and_then(|processor| conventions.overlays_by_architecture.get(&processor));
    let own = ("compose.yml", &package.compose);
    let over = conventions.overlay.iter().map(|text| ("overlay.yml", text));
    let special = special.map(|text| ("processor.yml", text));
    std::iter::once(own)
        .chain(over)
        .chain(special)
        .map(|(path, text)| SourceFile { path: path.to_owned(), text: text.clone() })
        .collect()
}
