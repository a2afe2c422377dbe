//! Shows a running plan on standard error: a live last line on a terminal, plain lines elsewhere.

use std::io::Write;

use indicatif::{ProgressBar, ProgressStyle};

use crate::protocol::{Event, State, Target, visible};

/// Where progress goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Live {
    /// A terminal: the last line of a running step is shown and replaced.
    Terminal,
    /// A file or a pipe: one line when a step starts and one when it ends.
    Plain,
}

/// Writes events.
pub(super) struct Progress<'a> {
    err: &'a mut (dyn Write + Send),
    bar: Option<ProgressBar>,
    live: Live,
    /// Which of several hosts an event is of.
    of: String,
}

impl<'a> Progress<'a> {
    /// Writes to `err`.
    pub(super) fn new(err: &'a mut (dyn Write + Send), live: Live) -> Self {
        Self { err, bar: None, live, of: String::new() }
    }

    /// Shows one event.
    pub(super) fn show(&mut self, event: &Event<'_>) {
        match event {
            Event::Started { index, of, step, command } => {
                let place = step.place().as_str();
                self.line(&format!("[{}/{of}] {} ({place}): {}", index + 1, step.id(), step.cause()));
                self.line(&format!("        {command}"));
                self.begin();
            }
            Event::Line(text) => {
                if let Some(bar) = &self.bar {
                    let text: String = visible(text).chars().take(160).collect();
                    bar.set_message(text.replace('\n', " "));
                }
            }
            Event::Ended { state, ms, detail, .. } => {
                self.end();
                let word = match state {
                    State::Already => "already done",
                    other => other.as_str(),
                };
                let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
                self.line(&format!("        {word} in {}.{} s{detail}", ms / 1000, ms / 100 % 10));
            }
            Event::Note(text) => self.line(text),
        }
    }

    /// Shows one event of one of several hosts: what happens at the same time has no live line.
    pub(super) fn show_of(&mut self, target: &Target, event: &Event<'_>) {
        self.live = Live::Plain;
        self.of = format!("{}: ", target.label());
        self.show(event);
    }

    /// Removes the live line.
    pub(super) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn begin(&mut self) {
        if self.live == Live::Terminal {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("        {spinner} {elapsed} {wide_msg}");
            bar.set_style(style.expect("the template is valid"));
            bar.enable_steady_tick(std::time::Duration::from_millis(120));
            self.bar = Some(bar);
        }
    }

    fn line(&mut self, text: &str) {
        // Progress that nobody can read any more stops no deploy.
        let _ = writeln!(self.err, "{}{}", visible(&self.of), visible(text));
    }
}
