//! The report for people, drawn with codespan-reporting from sanitised text, long lines cut around what is shown.

use std::{collections::BTreeMap, fmt::Write as _, io};

use codespan_reporting::{
    diagnostic::{Diagnostic, Label as Drawn, LabelStyle, Severity as Level},
    files::SimpleFiles,
    term::{self, Config, termcolor::WriteColor},
};

use super::{json::counts, sanitise};
use crate::{
    diag::{Finding, Report, Safety, Severity},
    text::{FileId, Location, Snapshot, Span},
};

/// Which findings are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// Errors and warnings; infos are only counted.
    Warnings,
    /// Everything.
    All,
}

/// Writes the findings and a line that sums them up.
///
/// # Errors
/// What writing to `out` gives.
pub fn check(out: &mut dyn WriteColor, snapshot: &Snapshot, report: &Report, show: Show) -> io::Result<()> {
    let config = Config { before_label_lines: 0, after_label_lines: 0, ..Config::default() };
    for finding in &report.findings {
        if finding.severity == Severity::Info && show == Show::Warnings {
            continue;
        }
        let drawing = Drawing::new(snapshot, finding);
        term::emit_to_write_style(out, &config, &drawing.files, &drawing.diagnostic)
            .map_err(io::Error::other)?;
    }
    writeln!(out, "{}", summary(report, show))
}

/// `4 files: 1 error, 2 warnings; --fix ends 2, with --unsafe-fixes 1 more`
///
/// # Panics
/// Never: writing to a String does not fail.
pub fn summary(report: &Report, show: Show) -> String {
    let counts = counts(report);
    let many = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
    let mut line = format!("{}: ", many(report.files, "file"));
    if report.findings.is_empty() {
        line.push_str("nothing found");
        return line;
    }
    let parts: Vec<String> = [(counts.error, "error"), (counts.warning, "warning"), (counts.info, "info")]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| if word == "info" { format!("{n} info") } else { many(n, word) })
        .collect();
    line.push_str(&parts.join(", "));
    let with = |safety: Safety| {
        report.findings.iter().filter(|f| f.fix.as_ref().is_some_and(|x| x.safety == safety)).count()
    };
    match (with(Safety::Safe), with(Safety::Unsafe)) {
        (0, 0) => Ok(()),
        (safe, 0) => write!(line, "; --fix ends {safe}"),
        (0, more) => write!(line, "; --fix --unsafe-fixes ends {more}"),
        (safe, more) => write!(line, "; --fix ends {safe}, with --unsafe-fixes {more} more"),
    }
    .expect("writing to a String does not fail");
    if counts.info > 0 && show == Show::Warnings {
        line.push_str("; --show info lists the rest");
    }
    line
}

struct Drawing {
    files: SimpleFiles<String, String>,
    diagnostic: Diagnostic<usize>,
}

impl Drawing {
    fn new(snapshot: &Snapshot, finding: &Finding) -> Self {
        let mut places: Vec<(Location, LabelStyle, &str)> = vec![(finding.at, LabelStyle::Primary, "")];
        places.extend(finding.labels.iter().map(|l| (l.at, LabelStyle::Secondary, l.message.as_str())));
        let mut excerpts: BTreeMap<FileId, Excerpt> = BTreeMap::new();
        for (at, ..) in &places {
            excerpts.entry(at.file).or_insert_with(|| {
                let spans: Vec<Span> = places
                    .iter()
                    .filter(|(p, ..)| p.file == at.file)
                    .map(|(p, ..)| first_line(snapshot, *p))
                    .collect();
                Excerpt::new(&snapshot.file(at.file).text, &spans)
            });
        }
        let mut files = SimpleFiles::new();
        let ids: BTreeMap<FileId, usize> = excerpts
            .iter()
            .map(|(id, excerpt)| {
                (*id, files.add(sanitise::line(&snapshot.file(*id).path), excerpt.text.clone()))
            })
            .collect();
        let labels = places.iter().map(|(at, style, message)| {
            let excerpt = &excerpts[&at.file];
            let span = first_line(snapshot, *at);
            let range = excerpt.place(span.start())..excerpt.place(span.end());
            Drawn::new(*style, ids[&at.file], range).with_message(sanitise::line(message))
        });
        let level = match finding.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
            Severity::Info => Level::Note,
        };
        let mut notes = Vec::new();
        if let Some(help) = &finding.help {
            notes.push(format!("help: {}", sanitise::line(help)));
        }
        if let Some(fix) = &finding.fix {
            let how = match fix.safety {
                Safety::Safe => "fix (--fix)",
                Safety::Unsafe => "fix (--fix --unsafe-fixes)",
                Safety::Manual => "by hand",
            };
            notes.push(format!("{how}: {}", sanitise::line(&fix.title)));
        }
        let diagnostic = Diagnostic::new(level)
            .with_code(finding.rule)
            .with_message(sanitise::line(&finding.message))
            .with_labels(labels.collect())
            .with_notes(notes);
        Self { files, diagnostic }
    }
}

/// An instruction of twenty lines is shown by its first.
fn first_line(snapshot: &Snapshot, at: Location) -> Span {
    let text = &snapshot.file(at.file).text;
    let (start, end) = (at.span.start().min(text.len()), at.span.end().min(text.len()));
    let line = text[start..end].find('\n').map_or(end, |n| start + n);
    Span::new(start, line)
}

/// Longest line that is drawn whole, in bytes.
const WIDEST: usize = 200;
/// What is kept of a longer one around each label.
const AROUND: usize = 70;

/// A file's text, sanitised, with long lines cut around the spans that are shown; and where each byte went.
struct Excerpt {
    text: String,
    /// Pieces that were kept: start in the source, start here, length.
    pieces: Vec<(usize, usize, usize)>,
}

impl Excerpt {
    fn new(source: &str, spans: &[Span]) -> Self {
        let mut excerpt = Self { text: String::with_capacity(source.len()), pieces: Vec::new() };
        let mut at = 0;
        for line in source.split_inclusive('\n') {
            if line.len() <= WIDEST {
                excerpt.keep(source, at, at + line.len());
            } else {
                excerpt.cut(source, at, at + line.len(), spans);
            }
            at += line.len();
        }
        excerpt
    }

    fn keep(&mut self, source: &str, from: usize, to: usize) {
        if from < to {
            self.pieces.push((from, self.text.len(), to - from));
            self.text.push_str(&sanitise::same_length(&source[from..to]));
        }
    }

    fn cut(&mut self, source: &str, from: usize, to: usize, spans: &[Span]) {
        let here = spans.iter().filter(|s| from <= s.start() && s.start() < to);
        let mut windows: Vec<(usize, usize)> = here
            .flat_map(|s| [s.start(), s.end().min(to)])
            .map(|place| (place.saturating_sub(AROUND).max(from), (place + AROUND).min(to)))
            .collect();
        windows.sort_unstable();
        let mut done = from;
        for (start, end) in windows {
            let (start, end) = (boundary(source, start.max(done)), boundary(source, end));
            if start > done {
                self.text.push('…');
            }
            self.keep(source, start, end.max(start));
            done = end.max(done);
        }
        if done < to {
            self.text.push('…');
            self.text.push('\n');
        }
    }

    /// Where a byte of the source is drawn; the nearest kept place for one that was cut.
    fn place(&self, byte: usize) -> usize {
        let index = self.pieces.partition_point(|&(from, ..)| from <= byte);
        let Some(&(from, to, length)) = index.checked_sub(1).and_then(|i| self.pieces.get(i)) else {
            return 0;
        };
        to + (byte - from).min(length)
    }
}

fn boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
