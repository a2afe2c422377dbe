//! Commands that hand a script to another shell: `ssh host '…'`, `ssh host <<EOF`, `bash -c '…'`.

use super::{Arg, action::base_name};

/// What runs in the other shell, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Handed {
    /// The host, for ssh.
    pub(super) host: Option<String>,
    /// Which words are the script; `None` if it is on standard input.
    pub(super) words: Option<std::ops::Range<usize>>,
    /// `-e` is among the shell's options.
    pub(super) errexit: bool,
    /// It is bash.
    pub(super) bash: bool,
}

/// Reads the words of a command.
pub(super) fn handed(words: &[Arg]) -> Option<Handed> {
    let name = base_name(words.first()?)?;
    match name {
        "ssh" => ssh(words, 1),
        "sshpass" => {
            let at = words.iter().position(|w| base_name(w) == Some("ssh"))?;
            ssh(words, at + 1)
        }
        "bash" | "sh" | "dash" | "ash" | "zsh" => shell(words, 0, None),
        "su" => {
            let at = words.iter().position(|w| matches!(w.text.as_deref(), Some("-c" | "--command")))?;
            Some(Handed { host: None, words: Some(at + 1..at + 2), errexit: false, bash: false })
        }
        "eval" => Some(Handed { host: None, words: Some(1..words.len()), errexit: false, bash: false }),
        _ => None,
    }
}

fn ssh(words: &[Arg], mut at: usize) -> Option<Handed> {
    while let Some(text) = words.get(at)?.text.as_deref() {
        if !text.starts_with('-') {
            break;
        }
        let takes = text.len() == 2 && "BbcDEeFIiJLlmOoPpQRSWw".contains(&text[1..]);
        at += if takes { 2 } else { 1 };
    }
    let host = words.get(at)?.text.clone().unwrap_or_else(|| "a host".to_owned());
    let rest = at + 1;
    if rest >= words.len() {
        return Some(Handed { host: Some(host), words: None, errexit: false, bash: false });
    }
    let first = base_name(&words[rest]);
    let behind_sudo = usize::from(matches!(first, Some("sudo" | "exec" | "env")));
    if let Some("bash" | "sh") = words.get(rest + behind_sudo).and_then(base_name)
        && let Some(inner) = shell(words, rest + behind_sudo, Some(host.clone()))
    {
        return Some(inner);
    }
    // `ssh host 'bash -s' <<EOF`: one word that starts a shell, whose script is on standard input.
    if let ([one], Some(text)) = (&words[rest..], &words[rest].text)
        && !text.contains(['\n', ';', '&', '|', '\'', '"'])
    {
        let inner: Vec<Arg> = text
            .split_ascii_whitespace()
            .map(|word| Arg { text: Some(word.to_owned()), span: one.span })
            .collect();
        if let Some("bash" | "sh") = inner.first().and_then(base_name)
            && let Some(inner) = shell(&inner, 0, Some(host.clone())).filter(|inner| inner.words.is_none())
        {
            return Some(inner);
        }
    }
    Some(Handed { host: Some(host), words: Some(rest..words.len()), errexit: false, bash: false })
}

/// `bash -euo pipefail -c 'text'`, `bash -s`, `bash`
fn shell(words: &[Arg], at: usize, host: Option<String>) -> Option<Handed> {
    let bash = base_name(&words[at]) == Some("bash");
    let mut errexit = false;
    let mut rest = at + 1;
    while let Some(text) = words.get(rest).and_then(|w| w.text.as_deref()) {
        if text == "--" || text == "-" {
            rest += 1;
            continue;
        }
        if text.starts_with("--") {
            rest += 1;
            continue;
        }
        let Some(flags) = text.strip_prefix('-') else { break };
        errexit |= flags.contains('e');
        rest += 1;
        if flags.contains('o') {
            errexit |= words.get(rest).and_then(|w| w.text.as_deref()) == Some("errexit");
            rest += 1;
        }
        if flags.contains('c') {
            return (rest < words.len()).then(|| Handed { host, words: Some(rest..rest + 1), errexit, bash });
        }
        if flags.contains('s') {
            return Some(Handed { host, words: None, errexit, bash });
        }
    }
    // A script's name: that file is looked at by itself.
    (rest >= words.len()).then_some(Handed { host, words: None, errexit, bash })
}
