use leptos::prelude::*;

use crate::markdown::{Block, Span, parse};

/// Draws a text that a package writes about itself. Nothing in it becomes HTML.
pub(crate) fn markdown(text: &str) -> AnyView {
    let blocks: Vec<AnyView> = parse(text).into_iter().map(block).collect();
    view! { <div class="prose">{blocks}</div> }.into_any()
}

fn block(block: Block) -> AnyView {
    match block {
        Block::Heading(line) => view! { <h3>{spans(line)}</h3> }.into_any(),
        Block::Paragraph(line) => view! { <p>{spans(line)}</p> }.into_any(),
        Block::List(items) => {
            let items: Vec<AnyView> =
                items.into_iter().map(|item| view! { <li>{spans(item)}</li> }.into_any()).collect();
            view! { <ul>{items}</ul> }.into_any()
        }
        Block::Table(rows) => {
            let rows: Vec<AnyView> = rows
                .into_iter()
                .map(|row| {
                    let cells: Vec<AnyView> =
                        row.into_iter().map(|cell| view! { <td>{spans(cell)}</td> }.into_any()).collect();
                    view! { <tr>{cells}</tr> }.into_any()
                })
                .collect();
            view! { <table>{rows}</table> }.into_any()
        }
        Block::Code(code) => view! { <pre>{code}</pre> }.into_any(),
    }
}

fn spans(line: Vec<Span>) -> Vec<AnyView> {
    line.into_iter()
        .map(|span| match span {
            Span::Text(text) => text.into_any(),
            Span::Strong(text) => view! { <strong>{text}</strong> }.into_any(),
            Span::Emphasis(text) => view! { <em>{text}</em> }.into_any(),
            Span::Code(text) => view! { <code>{text}</code> }.into_any(),
            Span::Link { text, address } => {
                view! { <a href=address target="_blank" rel="noopener noreferrer">{text}</a> }.into_any()
            }
        })
        .collect()
}
