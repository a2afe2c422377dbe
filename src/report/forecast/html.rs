//! A forecast as one HTML file: pictures, reasons, nothing from elsewhere.

use std::fmt::Write as _;

use super::{
    Build, Document, Outcome, layout,
    scene::{self, Widths},
    svg::{self, escaped},
    words,
};
use crate::report::sanitise;

/// Tells our files from others.
const MARK: &str = "<meta name=\"generator\" content=\"unstale forecast\">";

/// Whether a text is a page that [`page`] wrote.
pub fn is_ours(text: &str) -> bool {
    let head: String = text.chars().take(400).collect();
    head.starts_with("<!doctype html>") && head.contains(MARK)
}

/// The whole file.
pub fn page(document: &Document) -> String {
    let titles: Vec<String> = document.builds.iter().map(|build| safe(build.title())).collect();
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">{MARK}\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Forecast: {}</title>\n<style>{STYLE}</style></head>\n<body>\n\
         <svg width=\"0\" height=\"0\" aria-hidden=\"true\" style=\"position:absolute\"><defs>\
         <pattern id=\"hatch\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
         <rect width=\"7\" height=\"7\" class=\"ground\"/><path d=\"M0 0V7\" class=\"stripe\"/></pattern>\
         <pattern id=\"cut\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(-45)\">\
         <rect width=\"7\" height=\"7\" class=\"cutground\"/><path d=\"M0 0V7\" class=\"cutstripe\"/></pattern>\
         </defs></svg>\n",
        titles.join(", ")
    );
    add(
        &mut out,
        format_args!(
            "<header><h1>What the next build does</h1><p>{}</p>\n",
            code(&words::compared(document))
        ),
    );
    out.push_str(LEGEND);
    out.push_str("</header>\n");
    for build in &document.builds {
        section(&mut out, build);
    }
    if !document.notes.is_empty() {
        out.push_str("<section><h3>Notes</h3><ul>\n");
        for note in &document.notes {
            add(&mut out, format_args!("<li>{}</li>\n", code(note)));
        }
        out.push_str("</ul></section>\n");
    }
    out.push_str("</body></html>\n");
    out
}

fn add(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a String does not fail");
}

fn safe(text: &str) -> String {
    escaped(&sanitise::line(text))
}

/// A sentence whose backticks become code.
fn code(text: &str) -> String {
    let text = sanitise::line(text);
    let mut out = String::new();
    // An odd one is a backtick of a name.
    let paired = text.matches('`').count().is_multiple_of(2);
    for (at, part) in text.split('`').enumerate() {
        match (paired, at) {
            (true, at) if at % 2 == 1 => add(&mut out, format_args!("<code>{}</code>", escaped(part))),
            (false, at) if at > 0 => add(&mut out, format_args!("`{}", escaped(part))),
            _ => out.push_str(&escaped(part)),
        }
    }
    out
}

/// The columns of a screen, and the one of a phone.
const WIDE: Widths = Widths { cards: 200, stages: 264, container: 210 };
const NARROW: Widths = Widths { cards: 290, stages: 290, container: 290 };

fn section(out: &mut String, build: &Build) {
    let headline = words::headline(build);
    let heading = words::heading(build);
    let (title, rest) = heading.split_once(": ").unwrap_or((&heading, ""));
    let tone = match (&build.problem, build.counts.miss, build.counts.unknown) {
        (None, 0, 0) => "hit",
        (Some(_), ..) | (None, 0, _) => "unknown",
        _ => "miss",
    };
    add(
        out,
        format_args!("<section>\n<h2>{}</h2> <span class=\"where\">{}</span>\n", safe(title), safe(rest)),
    );
    add(out, format_args!("<p class=\"headline {tone}\">{}</p>\n", code(&headline)));
    if build.problem.is_none() {
        let label = format!("{}: {}", build.title(), headline);
        let wide = layout::wide(scene::of(build, WIDE));
        let narrow = layout::narrow(scene::of(build, NARROW));
        add(out, format_args!("<div class=\"scroll\">{}</div>\n", svg::write(&wide, "wide", &label)));
        out.push_str(&svg::write(&narrow, "narrow", &label));
        files(out, build);
        reasons(out, build);
    }
    if !build.notes.is_empty() {
        out.push_str("<h3>Notes</h3><ul>\n");
        for note in &build.notes {
            add(out, format_args!("<li>{}</li>\n", code(note)));
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</section>\n");
}

/// How many files of one way are named.
const NAMED: usize = 20;

fn files(out: &mut String, build: &Build) {
    if build.changed.is_empty() {
        return;
    }
    out.push_str("<h3>The changed files</h3><ul>\n");
    for way in words::ways(build) {
        let names: Vec<String> =
            way.files.iter().take(NAMED).map(|file| format!("<code>{}</code>", safe(&file.path))).collect();
        let more = match way.files.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let each = if way.files.len() > 1 { ": each of them" } else { "" };
        add(out, format_args!("<li>{}{more}{each} {}</li>\n", names.join(", "), code(&way.says)));
    }
    out.push_str("</ul>\n");
}

fn reasons(out: &mut String, build: &Build) {
    let told = |outcome| matches!(outcome, Outcome::Miss | Outcome::Unknown);
    if build.counts.miss + build.counts.unknown == 0 {
        return;
    }
    out.push_str("<h3>Why steps run again</h3>\n<table><tbody>\n");
    let steps = || build.stages.iter().flat_map(|stage| &stage.steps).filter(|step| told(step.outcome));
    for step in steps().filter(|step| !step.above) {
        let (class, word) = if step.outcome == Outcome::Miss { ("miss", "MISS") } else { ("unknown", "?") };
        add(
            out,
            format_args!(
                "<tr><td class=\"{class}\">{word}</td><td class=\"number\">{}</td><td><code>{}</code><br>{}</td></tr>\n",
                step.line,
                safe(&step.text),
                code(&step.because)
            ),
        );
    }
    out.push_str("</tbody></table>\n");
    match steps().filter(|step| step.above).count() {
        0 => {}
        1 => out.push_str("<p>1 more follows from these.</p>\n"),
        more => add(out, format_args!("<p>{more} more follow from these.</p>\n")),
    }
}

const LEGEND: &str = "<ul class=\"legend\">\
    <li><span class=\"key hit\">hit</span> comes from the cache</li>\
    <li><span class=\"key miss\">MISS</span> runs again</li>\
    <li><span class=\"key unknown\">?</span> not known from the files</li>\
    <li><span class=\"key none\">–</span> no step for the builder</li>\
    <li><span class=\"key cut\">cut</span> a mount hides what the image has there</li></ul>\n";

const STYLE: &str = include_str!("page.css");
