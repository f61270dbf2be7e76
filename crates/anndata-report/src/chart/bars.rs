//! Bars to the right, each with a name and a number.

use maud::{Markup, PreEscaped, html};

use super::histogram::decimal;

/// One bar.
#[derive(Debug, Clone)]
pub(crate) struct Bar {
    /// What it is of.
    pub(crate) name: String,
    /// Its length.
    pub(crate) value: f64,
    /// The number, in words.
    pub(crate) text: String,
    /// Its colour as CSS has it, if it has one of its own.
    pub(crate) color: Option<String>,
}

/// The bars, the longest of which is as wide as there is room.
pub(crate) fn bars(bars: &[Bar]) -> Markup {
    let longest = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    html! {
        ol.bars {
            @for bar in bars {
                @let width = decimal(100.0 * (bar.value / longest).clamp(0.0, 1.0));
                li {
                    span.name title=(bar.name) { @if bar.name.is_empty() { em { "empty text" } } @else { (bar.name) } }
                    span.track {
                        span.fill style=(style(&width, bar.color.as_deref())) {}
                    }
                    span.number { (bar.text) }
                }
            }
        }
    }
}

fn style(width: &str, color: Option<&str>) -> PreEscaped<String> {
    let color = color.map_or_else(String::new, |color| format!(";background:{color}"));
    PreEscaped(format!("width:{width}%{color}"))
}
