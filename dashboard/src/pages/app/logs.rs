use std::cell::RefCell;
use std::rc::Rc;

use hearth_model::AppStatus;
use hearth_model::api::apps::LogLine;
use leptos::html;
use leptos::prelude::*;

use crate::client;
use crate::components::copy::CopyButton;
use crate::components::icon::Icon;
use crate::event;
use crate::format;
use crate::log_book::{LogBook, MOST_LINES};
use crate::stream::{Stream, Word};
use crate::task::Lifetime;
use crate::text::logs as text;

/// Lines of the past to ask for.
const TAIL: usize = 500;

/// Pixels from the end within which the page follows new lines.
const NEAR_END: i32 = 48;

/// What an app writes, as it writes it.
#[component]
pub(super) fn Logs(app: RwSignal<AppStatus>) -> impl IntoView {
    let id = app.with_untracked(|app| app.id.clone());
    let services = Memo::new(move |_| {
        app.with(|app| app.services.iter().map(|service| service.service.clone()).collect::<Vec<_>>())
    });
    let service = RwSignal::new(None::<String>);
    let words = RwSignal::new(String::new());
    let follow = RwSignal::new(true);
    let book = RwSignal::new(LogBook::default());
    let connected = RwSignal::new(false);
    let lifetime = Lifetime::current();

    // One stream at a time; it closes with the page, and when another service is chosen.
    let stream = StoredValue::new_local(None::<Stream>);
    Effect::new(move |_| {
        let address = service.with(|service| client::log_stream(&id, service.as_deref(), TAIL));
        book.update(LogBook::clear);
        connected.set(false);
        let hear = into_book(book, connected, lifetime);
        stream.set_value(Some(Stream::open(address, hear)));
    });
    on_cleanup(move || stream.set_value(None));

    let shown = Memo::new(move |_| book.with(|book| words.with(|words| book.matching(words))));
    let view: NodeRef<html::Div> = NodeRef::new();
    Effect::new(move |_| {
        shown.track();
        if follow.get() {
            lifetime.on_next_frame(move || {
                if let Some(view) = view.get_untracked() {
                    view.set_scroll_top(view.scroll_height());
                }
            });
        }
    });
    // Scrolling up stops following; scrolling to the end starts it again.
    let scrolled = move |_| {
        if let Some(view) = view.get_untracked() {
            let near = view.scroll_height() - view.scroll_top() - view.client_height() < NEAR_END;
            if near != follow.get_untracked() {
                follow.set(near);
            }
        }
    };
    let several = move || services.with(|services| services.len() > 1);
    view! {
        <section class="card logs">
            <div class="logs-bar">
                <Show when=several>
                    <select
                        class="input"
                        aria-label=text::SERVICE
                        on:change=move |event| {
                            service.set(Some(event_target_value(&event)).filter(|name| !name.is_empty()));
                        }
                    >
                        <option value="">{text::ALL_SERVICES}</option>
                        {move || {
                            services
                                .get()
                                .into_iter()
                                .map(|name| {
                                    let value = name.clone();
                                    view! { <option value=value>{name}</option> }
                                })
                                .collect_view()
                        }}
                    </select>
                </Show>
                <label class="search">
                    {Icon::Search.draw()} <span class="visually-hidden">{text::SEARCH}</span>
                    <input
                        type="search"
                        data-search
                        placeholder=text::SEARCH
                        autocomplete="off"
                        spellcheck="false"
                        prop:value=move || words.get()
                        on:input=move |event| words.set(event_target_value(&event))
                    />
                </label>
                <label class="check">
                    <input
                        type="checkbox"
                        prop:checked=move || follow.get()
                        on:change=move |event| follow.set(event_target_checked(&event))
                    />
                    <span>{text::FOLLOW}</span>
                </label>
                <CopyButton
                    what=move |()| book.with_untracked(|book| words.with_untracked(|words| book.text(words)))
                    label=text::COPY
                />
            </div>
            <div class="log-lines" node_ref=view on:scroll=scrolled tabindex="0" role="log" aria-label=text::LOG>
                <For each=move || shown.get() key=|(number, _)| *number let((_, line))>
                    {log_line(line)}
                </For>
                <Show when=move || shown.with(Vec::is_empty)>
                    <p class="log-empty">
                        {move || match (book.with(LogBook::is_empty), connected.get()) {
                            (true, true) => text::NOTHING_YET,
                            (true, false) => text::CONNECTING,
                            (false, _) => text::NOTHING_FOUND,
                        }}
                    </p>
                </Show>
            </div>
            <p class="logs-foot muted">
                {move || text::shown(shown.with(Vec::len), MOST_LINES)}
                {move || (!connected.get()).then_some(text::RECONNECTING)}
            </p>
        </section>
    }
}

/// Puts what a stream says into the book, all that came since the last frame at once.
fn into_book(
    book: RwSignal<LogBook>,
    connected: RwSignal<bool>,
    lifetime: Lifetime,
) -> impl Fn(Word) + 'static {
    let waiting: Rc<RefCell<Vec<LogLine>>> = Rc::default();
    move |word| match word {
        Word::Open => {
            // The stream begins with its tail again: what is here would stand twice.
            waiting.borrow_mut().clear();
            book.update(LogBook::clear);
            connected.set(true);
        }
        Word::Lost => connected.set(false),
        Word::Message { name, data } => {
            if name != event::LOG_NAME {
                return;
            }
            let Some(line) = event::read_line(&data) else { return };
            let is_first = waiting.borrow().is_empty();
            waiting.borrow_mut().push(line);
            if is_first {
                let waiting = Rc::clone(&waiting);
                lifetime.on_next_frame(move || book.update(|book| book.extend(waiting.take())));
            }
        }
    }
}

fn log_line(line: LogLine) -> impl IntoView {
    view! {
        <p class="log-line" class:is-error=line.stderr>
            <time title=line.at.as_ref().map(ToString::to_string)>{line.at.as_ref().map(format::time_of_day)}</time>
            <span class="log-service">{line.service}</span>
            <span class="log-text">{line.line}</span>
        </p>
    }
}
