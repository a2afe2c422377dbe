//! The report for people, drawn with codespan-reporting from sanitised text, long lines cut around what is shown.

use std::{collections::BTreeMap, fmt::Write as _, io, ops::Range, rc::Rc};

use codespan_reporting::{
    diagnostic::{Diagnostic, Label as Drawn, LabelStyle, Severity as Level},
    files::{self, Files},
    term::{self, Config, termcolor::WriteColor},
};

use super::{Run, json::counts, sanitise};
use crate::{
    diag::{Finding, Safety, Severity},
    text::{FileId, LineIndex, Location, Snapshot, Span},
};

/// Writes the findings that are listed and a line that sums all of them up.
///
/// # Errors
/// What writing to `out` gives.
pub fn check(out: &mut dyn WriteColor, run: &Run<'_>) -> io::Result<()> {
    let config = Config { before_label_lines: 0, after_label_lines: 0, ..Config::default() };
    let mut sources = Sources { snapshot: run.snapshot, lines: BTreeMap::new() };
    for (finding, _) in run.shown() {
        let drawing = Drawing::new(&mut sources, finding);
        term::emit_to_write_style(out, &config, &drawing.pages, &drawing.diagnostic)
            .map_err(io::Error::other)?;
    }
    writeln!(out, "{}", summary(run))
}

/// `4 files: 1 error, 2 warnings; --fix ends 2, with --unsafe-fixes 1 more`
///
/// # Panics
/// Never: writing to a String does not fail.
pub fn summary(run: &Run<'_>) -> String {
    let counts = counts(run.report);
    let many = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
    let mut line = format!("{}: ", many(run.report.files, "file"));
    let parts: Vec<String> = [(counts.error, "error"), (counts.warning, "warning"), (counts.info, "info")]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| if word == "info" { format!("{n} info") } else { many(n, word) })
        .collect();
    match run.known {
        _ if !parts.is_empty() => line.push_str(&parts.join(", ")),
        Some(known) if known > 0 => line.push_str("nothing new found"),
        _ => line.push_str("nothing found"),
    }
    let with = |safety: Safety| {
        run.report.findings.iter().filter(|f| f.fix.as_ref().is_some_and(|x| x.safety == safety)).count()
    };
    match (with(Safety::Safe), with(Safety::Unsafe)) {
        (0, 0) => Ok(()),
        (safe, 0) => write!(line, "; --fix ends {safe}"),
        (0, more) => write!(line, "; --fix --unsafe-fixes ends {more}"),
        (safe, more) => write!(line, "; --fix ends {safe}, with --unsafe-fixes {more} more"),
    }
    .expect("writing to a String does not fail");
    if let Some(least) = run.all().filter(|(_, detail)| !detail.shown).map(|(f, _)| f.severity).min() {
        write!(line, "; --show {} lists the rest", least.as_str())
            .expect("writing to a String does not fail");
    }
    if let Some(known) = run.known.filter(|known| *known > 0) {
        write!(line, "; the baseline leaves out {known}").expect("writing to a String does not fail");
    }
    line
}

struct Drawing<'a> {
    pages: Pages<'a>,
    diagnostic: Diagnostic<usize>,
}

impl<'a> Drawing<'a> {
    fn new(sources: &mut Sources<'a>, finding: &'a Finding) -> Self {
        let mut places: Vec<(Location, LabelStyle, &str)> = vec![(finding.at, LabelStyle::Primary, "")];
        places.extend(finding.labels.iter().map(|l| (l.at, LabelStyle::Secondary, l.message.as_str())));
        let mut ids: BTreeMap<FileId, usize> = BTreeMap::new();
        let mut pages = Vec::new();
        for (at, ..) in &places {
            ids.entry(at.file).or_insert_with(|| {
                let here = places.iter().filter(|(p, ..)| p.file == at.file);
                let spans: Vec<Span> = here.map(|(p, ..)| sources.first_line(*p)).collect();
                pages.push(sources.page(at.file, &spans));
                pages.len() - 1
            });
        }
        let labels = places.iter().map(|(at, style, message)| {
            let page = ids[&at.file];
            let span = sources.first_line(*at);
            let range = pages[page].place(span.start())..pages[page].place(span.end());
            Drawn::new(*style, page, range).with_message(message_line(message))
        });
        let level = match finding.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
            Severity::Info => Level::Note,
        };
        let mut notes = Vec::new();
        if let Some(help) = &finding.help {
            notes.push(format!("help: {}", message_line(help)));
        }
        if let Some(fix) = &finding.fix {
            let how = match fix.safety {
                Safety::Safe => "fix (--fix)",
                Safety::Unsafe => "fix (--fix --unsafe-fixes)",
                Safety::Manual => "by hand",
            };
            notes.push(format!("{how}: {}", message_line(&fix.title)));
        }
        let diagnostic = Diagnostic::new(level)
            .with_code(finding.rule)
            .with_message(message_line(&finding.message))
            .with_labels(labels.collect())
            .with_notes(notes);
        Self { pages: Pages(pages), diagnostic }
    }
}

/// Longest message that is shown whole, in characters: a message may quote a line of the file.
const LONGEST: usize = 400;

fn message_line(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => sanitise::line(&text[..end]) + "…",
        None => sanitise::line(text),
    }
}

/// The files, and where the lines of those that were shown start.
struct Sources<'a> {
    snapshot: &'a Snapshot,
    lines: BTreeMap<FileId, Rc<LineIndex>>,
}

impl<'a> Sources<'a> {
    /// An instruction of twenty lines is shown by its first.
    fn first_line(&self, at: Location) -> Span {
        let text = &self.snapshot.file(at.file).text;
        let (start, end) = (at.span.start().min(text.len()), at.span.end().min(text.len()));
        Span::new(start, text[start..end].find('\n').map_or(end, |n| start + n))
    }

    /// The page that shows the spans, none of which is longer than a line.
    fn page(&mut self, file: FileId, spans: &[Span]) -> Page<'a> {
        let source = self.snapshot.file(file);
        let index = self.lines.entry(file).or_insert_with(|| Rc::new(LineIndex::new(&source.text)));
        let mut shown: BTreeMap<usize, Vec<Span>> = BTreeMap::new();
        for span in spans {
            let line = index.line(span.start());
            shown.entry(line).or_default().push(*span);
            // A single line between two labels is drawn, too.
            if line < index.count() {
                shown.entry(line + 1).or_default();
            }
        }
        let mut page = Page {
            name: sanitise::line(&source.path),
            source: &source.text,
            index: Rc::clone(index),
            text: String::new(),
            lines: Vec::new(),
            pieces: Vec::new(),
        };
        for (line, spans) in shown {
            let end = if line < index.count() { index.start_of(line + 1) } else { source.text.len() };
            page.add(line, index.start_of(line)..end, &spans);
        }
        page
    }
}

/// Longest line that is drawn whole, in bytes.
const WIDEST: usize = 200;
/// What is kept of a longer one around each label.
const AROUND: usize = 70;

/// The lines of a file that one finding shows, sanitised, long ones cut around what is shown.
struct Page<'a> {
    name: String,
    source: &'a str,
    index: Rc<LineIndex>,
    text: String,
    /// In order of the file.
    lines: Vec<Line>,
    /// Pieces that were kept: start in the source, start here, length.
    pieces: Vec<(usize, usize, usize)>,
}

struct Line {
    /// From 1.
    number: usize,
    /// Where it starts in the source.
    start: usize,
    /// Where it lies in the page.
    range: Range<usize>,
}

impl Page<'_> {
    fn add(&mut self, number: usize, range: Range<usize>, spans: &[Span]) {
        let Range { start, end } = range;
        let from = self.text.len();
        if end - start <= WIDEST {
            self.keep(start, end);
        } else {
            self.cut(start, end, spans);
        }
        if !self.text[from..].ends_with('\n') {
            self.text.push('\n');
        }
        self.lines.push(Line { number, start, range: from..self.text.len() });
    }

    fn keep(&mut self, from: usize, to: usize) {
        self.pieces.push((from, self.text.len(), to - from));
        self.text.push_str(&sanitise::same_length(&self.source[from..to]));
    }

    fn cut(&mut self, from: usize, to: usize, spans: &[Span]) {
        let mut windows: Vec<(usize, usize)> = spans
            .iter()
            .flat_map(|s| [s.start(), s.end().min(to)])
            .map(|place| (place.saturating_sub(AROUND).max(from), (place + AROUND).min(to)))
            .collect();
        if windows.is_empty() {
            windows.push((from, from + 2 * AROUND));
        }
        windows.sort_unstable();
        let mut done = from;
        for (start, end) in windows {
            let (start, end) = (boundary(self.source, start.max(done)), boundary(self.source, end));
            if start > done {
                self.text.push('…');
            }
            self.keep(start, end.max(start));
            done = end.max(done);
        }
        if done < to {
            self.text.push('…');
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

    /// The byte of the source that is drawn at a place: the reverse of [`Self::place`].
    fn drawn(&self, place: usize) -> usize {
        let index = self.pieces.partition_point(|&(_, to, _)| to <= place);
        let Some(&(from, to, length)) = index.checked_sub(1).and_then(|i| self.pieces.get(i)) else {
            return 0;
        };
        from + (place - to).min(length)
    }
}

/// The pages of one finding, under the line numbers of the files.
struct Pages<'a>(Vec<Page<'a>>);

impl<'p> Files<'p> for Pages<'_> {
    type FileId = usize;
    type Name = &'p str;
    type Source = &'p str;

    fn name(&'p self, id: usize) -> Result<&'p str, files::Error> {
        Ok(&self.page(id)?.name)
    }

    fn source(&'p self, id: usize) -> Result<&'p str, files::Error> {
        Ok(&self.page(id)?.text)
    }

    fn line_index(&'p self, id: usize, byte: usize) -> Result<usize, files::Error> {
        let lines = &self.page(id)?.lines;
        let at = lines.partition_point(|line| line.range.start <= byte);
        let line = at.checked_sub(1).and_then(|at| lines.get(at)).ok_or(files::Error::FileMissing)?;
        Ok(line.number - 1)
    }

    fn line_range(&'p self, id: usize, line: usize) -> Result<Range<usize>, files::Error> {
        Ok(self.line(id, line)?.range.clone())
    }

    fn column_number(&'p self, id: usize, line: usize, byte: usize) -> Result<usize, files::Error> {
        let (page, line) = (self.page(id)?, self.line(id, line)?);
        Ok(page.index.position(page.source, page.drawn(byte).max(line.start)).column)
    }
}

impl<'p> Pages<'p> {
    fn page(&self, id: usize) -> Result<&Page<'p>, files::Error> {
        self.0.get(id).ok_or(files::Error::FileMissing)
    }

    fn line(&self, id: usize, line: usize) -> Result<&Line, files::Error> {
        let lines = &self.page(id)?.lines;
        let max = lines.last().map_or(0, |l| l.number - 1);
        let at = lines.binary_search_by_key(&(line + 1), |l| l.number);
        at.map(|at| &lines[at]).map_err(|_| files::Error::LineTooLarge { given: line, max })
    }
}

fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
