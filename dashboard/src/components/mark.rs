use leptos::prelude::*;

/// Hearth's sign: a flame under an arch.
pub(crate) fn mark() -> AnyView {
    view! { <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" inner_html=MARK></svg> }.into_any()
}

/// The fire of the first pages, which moves a little unless the visitor asks for calm.
pub(crate) fn fireplace() -> AnyView {
    view! { <svg class="fireplace" viewBox="0 0 320 320" aria-hidden="true" inner_html=FIREPLACE></svg> }
        .into_any()
}

const MARK: &str = r#"<path class="mark-arch" d="M5 28V15.5a11 11 0 0 1 22 0V28"/><path class="mark-flame" d="M16.6 9.8c.5 3 4.9 5.3 4.9 10.2 0 3.8-2.5 6.5-5.5 6.5s-5.5-2.5-5.5-6c0-2.6 1.4-4.1 2.6-5.6.3 1.2.8 1.9 1.7 2.4-.2-2.9.3-5.7 1.8-7.5Z"/><path class="mark-core" d="M16.1 18.3c.3 1.4 2.2 2.3 2.2 4.5a2.3 2.3 0 0 1-4.6.1c0-1.9 1.7-2.6 2.4-4.6Z"/>"#;

const FIREPLACE: &str = r##"<defs>
<radialGradient id="glow" cx=".5" cy=".72" r=".6"><stop offset="0" stop-color="#ffb454" stop-opacity=".95"/><stop offset=".45" stop-color="#e8622a" stop-opacity=".55"/><stop offset="1" stop-color="#5a1f0e" stop-opacity="0"/></radialGradient>
<linearGradient id="outer" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#ff9a3d"/><stop offset="1" stop-color="#d9481c"/></linearGradient>
<linearGradient id="inner" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#ffd98a"/><stop offset="1" stop-color="#ff9d3c"/></linearGradient>
</defs>
<path d="M52 292V154a108 108 0 0 1 216 0v138Z" fill="#2a130b"/>
<path d="M52 292V154a108 108 0 0 1 216 0v138Z" fill="url(#glow)" class="fire-glow"/>
<path d="M52 292V154a108 108 0 0 1 216 0v138" fill="none" stroke="#f6d9bd" stroke-opacity=".9" stroke-width="13" stroke-linecap="round"/>
<path d="M24 292h272" stroke="#f6d9bd" stroke-opacity=".9" stroke-width="13" stroke-linecap="round"/>
<path class="fire-outer" fill="url(#outer)" d="M166 112c6 37 58 62 58 119 0 32-24 52-64 52s-64-20-64-50c0-31 17-49 31-67 4 14 10 22 20 28-3-35 3-60 19-82Z"/>
<path class="fire-inner" fill="url(#inner)" d="M162 192c4 19 31 31 31 57 0 20-14 32-33 32s-33-12-33-31c0-26 27-34 35-58Z"/>
<path d="M100 284c28-12 90-12 122 0" stroke="#7a3316" stroke-width="14" stroke-linecap="round" fill="none"/>
<path d="M92 276c44 4 92 12 134 4" stroke="#8f4220" stroke-width="12" stroke-linecap="round" fill="none"/>
<g class="sparks" fill="#ffcf87"><circle cx="126" cy="150" r="3"/><circle cx="206" cy="166" r="2.5"/><circle cx="146" cy="104" r="2"/><circle cx="190" cy="122" r="2.5"/></g>"##;
