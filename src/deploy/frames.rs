//! Several questions in one script, and their answers told apart by a word that nobody else can print.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::transport::{Lost, Transport, nonce};

/// A script of questions.
#[derive(Debug)]
pub(super) struct Questions {
    mark: String,
    text: String,
}

/// What one question printed, and its exit code.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    /// Standard output.
    pub(super) out: Vec<u8>,
    /// Exit code.
    pub(super) code: i32,
}

impl Answer {
    /// The output as text, without white space around it; `None` if the command failed.
    pub(super) fn text(&self) -> Option<String> {
        (self.code == 0).then(|| String::from_utf8_lossy(&self.out).trim().to_owned())
    }

    /// The output as text, whatever the exit code.
    pub(super) fn words(&self) -> String {
        String::from_utf8_lossy(&self.out).trim().to_owned()
    }

    /// The parts between NULs.
    pub(super) fn list(&self) -> Vec<String> {
        let parts = self.out.split(|&b| b == 0).filter(|p| !p.is_empty());
        parts.map(|p| String::from_utf8_lossy(p).into_owned()).collect()
    }

    /// The lines.
    pub(super) fn lines(&self) -> Vec<String> {
        String::from_utf8_lossy(&self.out).lines().map(str::to_owned).collect()
    }
}

/// The question that shows that all before it were answered.
const LAST: &str = "end";

impl Questions {
    pub(super) fn new() -> Self {
        let mark = nonce();
        Self {
            text: String::from(
                "LC_ALL=C GIT_OPTIONAL_LOCKS=0 GIT_TERMINAL_PROMPT=0\nexport LC_ALL GIT_OPTIONAL_LOCKS GIT_TERMINAL_PROMPT\n",
            ),
            mark,
        }
    }

    /// A shell line that is no question: a `cd`, a variable.
    pub(super) fn line(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect("a String takes everything");
    }

    /// Asks: `command` is shell text that only reads.
    pub(super) fn ask(&mut self, name: &str, command: &str) {
        let mark = &self.mark;
        writeln!(self.text, "printf '\\n%s > %s\\n' {mark} {name}\n{{ {command}\n}} </dev/null 2>/dev/null")
            .expect("a String takes everything");
        writeln!(self.text, "printf '\\n%s < %d\\n' {mark} \"$?\"").expect("a String takes everything");
    }

    /// Asks with lines on standard input. A line must not hold a newline.
    pub(super) fn ask_with<'a>(
        &mut self,
        name: &str,
        command: &str,
        lines: impl IntoIterator<Item = &'a str>,
    ) {
        let mark = &self.mark;
        writeln!(self.text, "printf '\\n%s > %s\\n' {mark} {name}\n{{ {command}\n}} 2>/dev/null <<'{mark}'")
            .expect("a String takes everything");
        for line in lines {
            debug_assert!(!line.contains('\n'), "one line each");
            self.text.push_str(line);
            self.text.push('\n');
        }
        writeln!(self.text, "{mark}\nprintf '\\n%s < %d\\n' {mark} \"$?\"")
            .expect("a String takes everything");
    }

    /// Sends everything in one go.
    pub(super) fn send(mut self, to: &dyn Transport) -> Result<Answers, Lost> {
        let out = to.script(self.text())?;
        self.read(&out)
    }

    /// The script with all questions, for one that does something else before.
    pub(super) fn text(&mut self) -> &str {
        self.ask(LAST, "true");
        &self.text
    }

    /// The answers, from what the script printed.
    pub(super) fn read(&self, out: &[u8]) -> Result<Answers, Lost> {
        let answers = parse(out, &self.mark);
        if answers.contains_key(LAST) {
            return Ok(Answers(answers));
        }
        Err(Lost("the server's answer is cut off".into()))
    }
}

/// All answers, by the name of the question.
#[derive(Debug)]
pub(super) struct Answers(BTreeMap<String, Answer>);

impl Answers {
    /// The answer to a question; an empty failed one if it was never asked.
    pub(super) fn get(&self, name: &str) -> Answer {
        self.0.get(name).cloned().unwrap_or(Answer { out: Vec::new(), code: -1 })
    }
}

fn parse(out: &[u8], mark: &str) -> BTreeMap<String, Answer> {
    let needle = [b"\n", mark.as_bytes(), b" "].concat();
    let mut answers = BTreeMap::new();
    let mut open: Option<(String, usize)> = None;
    let mut at = 0;
    while let Some(found) = find(&out[at..], &needle) {
        let start = at + found;
        let rest = &out[start + needle.len()..];
        let len = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
        let line = String::from_utf8_lossy(&rest[..len]).into_owned();
        at = (start + needle.len() + len).min(out.len());
        match (line.split_once(' '), open.take()) {
            (Some((">", name)), _) => open = Some((name.to_owned(), (at + 1).min(out.len()))),
            (Some(("<", code)), Some((name, from))) => {
                let bytes = out.get(from..start).unwrap_or_default();
                answers.insert(name, Answer { out: bytes.to_vec(), code: code.trim().parse().unwrap_or(-1) });
            }
            _ => {}
        }
    }
    answers
}

/// Where `needle` first stands in `bytes`.
pub(super) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|&b| b == first) {
        if bytes[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_kept_apart_whatever_they_hold() {
        let out = b"motd\n\nM > a\nx\0\ny\n\nM < 0\n\nM > b\n\nM < 3\n\nM > c\nN > fake\n\nN < 0\n\nM < 255\n\nM > open\ncut";
        let answers = parse(out, "M");
        assert_eq!(answers["a"].out, b"x\0\ny\n");
        assert_eq!((answers["b"].out.as_slice(), answers["b"].code), (b"".as_slice(), 3));
        assert_eq!(answers["c"].out, b"N > fake\n\nN < 0\n");
        assert_eq!(answers["c"].code, 255);
        assert!(!answers.contains_key("open"), "an answer that was cut off is none");
        for cut in 0..out.len() {
            parse(&out[..cut], "M");
        }
    }

    #[test]
    fn a_script_really_gives_its_answers() {
        let mut q = Questions::new();
        q.ask("bytes", "printf 'a\\000b\\n'");
        q.ask("fails", "exit_code_7() { return 7; }; exit_code_7");
        q.ask_with("lines", "cat", ["$(id) `x` 'q' \"q\" \\\\n", "-rf"]);
        let answers = q.send(&crate::deploy::transport::Local::new("/")).expect("sh is there");
        assert_eq!(answers.get("bytes").out, b"a\0b\n");
        assert_eq!(answers.get("fails").code, 7);
        assert_eq!(answers.get("lines").lines(), ["$(id) `x` 'q' \"q\" \\\\n", "-rf"]);
        assert_eq!(answers.get("never asked").code, -1);
    }
}
