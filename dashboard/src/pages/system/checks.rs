use hearth_model::api::os::{CheckOutcome, HealthCheck};
use leptos::prelude::*;

use crate::components::icon::Icon;
use crate::text::system as text;

/// What was looked at, and the log behind it. Nothing when there is nothing of either.
pub(super) fn list(title: &'static str, checks: Vec<HealthCheck>, log: &[String]) -> AnyView {
    let rows = checks.into_iter().map(row).collect::<Vec<_>>();
    view! {
        {(!rows.is_empty())
            .then(|| {
                view! {
                    <h3>{title}</h3>
                    <ul class="checks">{rows}</ul>
                }
            })}
        {(!log.is_empty())
            .then(|| {
                view! {
                    <details class="refused is-news">
                        <summary>{Icon::Info.draw()} {text::LOG}</summary>
                        <pre class="last-words" tabindex="0">{log.join("\n")}</pre>
                    </details>
                }
            })}
    }
    .into_any()
}

fn row(check: HealthCheck) -> AnyView {
    let (class, icon) = match check.outcome {
        CheckOutcome::Waiting => ("check-row is-waiting", Icon::Refresh),
        CheckOutcome::Passed => ("check-row is-good", Icon::Check),
        CheckOutcome::Failed => ("check-row is-bad", Icon::Failed),
    };
    view! {
        <li class=class>
            {icon.draw()}
            <span>{check.name} {(!check.detail.is_empty()).then(|| view! { <span class="muted">{check.detail}</span> })}</span>
        </li>
    }
    .into_any()
}
