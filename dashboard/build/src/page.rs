use std::path::Path;

use anyhow::Context as _;

use crate::bindings::Bindings;
use crate::output::{Fetched, Output};
use crate::style;

/// Writes `index.html` and everything that it names; the page itself last, so that what it names is there.
///
/// # Errors
/// When a source cannot be read, a template names something unknown, or a file cannot be written.
pub(crate) fn write(dashboard: &Path, bindings: &Bindings, output: &mut Output) -> anyhow::Result<()> {
    let assets = dashboard.join("assets");
    let text = |name: &str| {
        let path = assets.join(name);
        std::fs::read_to_string(&path).with_context(|| format!("failed to read `{}`", path.display()))
    };
    let touch_icon = assets.join("touch-icon.png");
    let touch_icon =
        std::fs::read(&touch_icon).with_context(|| format!("failed to read `{}`", touch_icon.display()))?;

    let module = output.asset("hearth.wasm", &bindings.module, Fetched::AtFirstUse)?;
    let script = output.asset("hearth.js", &bindings.script, Fetched::AtFirstUse)?;
    let boot = fill(&text("boot.js")?, &[("script", &script), ("module", &module)])?;
    let boot = output.asset("boot.js", boot.as_bytes(), Fetched::AtFirstUse)?;
    let theme = output.asset("theme.js", text("theme.js")?.as_bytes(), Fetched::AtFirstUse)?;
    let style =
        output.asset("hearth.css", style::join(&dashboard.join("style"))?.as_bytes(), Fetched::AtFirstUse)?;
    let icon = output.asset("icon.svg", text("icon.svg")?.as_bytes(), Fetched::AtFirstUse)?;
    let touch_icon = output.asset("touch-icon.png", &touch_icon, Fetched::Perhaps)?;
    let manifest = fill(&text("manifest.webmanifest")?, &[("icon", &icon), ("touch_icon", &touch_icon)])?;
    let manifest = output.asset("manifest.webmanifest", manifest.as_bytes(), Fetched::Perhaps)?;

    let names = [
        ("module", module.as_str()),
        ("script", &script),
        ("boot", &boot),
        ("theme", &theme),
        ("style", &style),
        ("icon", &icon),
        ("touch_icon", &touch_icon),
        ("manifest", &manifest),
    ];
    output.file("index.html", fill(&text("index.html")?, &names)?.as_bytes(), Fetched::AtFirstUse)
}

/// Puts addresses where a template says `{{name}}`.
fn fill(template: &str, names: &[(&str, &str)]) -> anyhow::Result<String> {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").context("`{{` without `}}`")?;
        let value = names.iter().find(|(known, _)| *known == name);
        let (_, value) = value.with_context(|| format!("`{{{{{name}}}}}` is not known here"))?;
        out.push_str(before);
        out.push_str(value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled() {
        let filled = fill("a {{x}} b {{y}}{{x}}", &[("x", "1"), ("y", "2")]).expect("both are known");
        assert_eq!(filled, "a 1 b 21");
        let error = fill("{{z}}", &[]).expect_err("z is not known");
        assert_eq!(error.to_string(), "`{{z}}` is not known here");
        assert!(fill("{{z", &[]).is_err());
    }
}
