//! The questions about the server's checkout, and what their answers mean.

use super::Subject;
use crate::{
    deploy::{
        frames::{Answers, Questions},
        git::parse_status,
    },
    protocol::{Checked, Lfs, ServerGit, Sha, Submodule, Upstream},
};

pub(super) fn ask(q: &mut Questions, subject: Subject<'_>) {
    q.line("b=$(git symbolic-ref -q --short HEAD 2>/dev/null)");
    q.ask("git-top", "git rev-parse --show-toplevel 2>&1");
    q.ask("git-dir", "git rev-parse --absolute-git-dir");
    q.ask("git-head", "git rev-parse --verify -q HEAD");
    q.ask("git-branch", "git symbolic-ref -q --short HEAD");
    q.ask("git-remote", "git config \"branch.$b.remote\"");
    q.ask("git-merge", "git config \"branch.$b.merge\"");
    q.ask("git-status", "git status --porcelain=v1 -z --untracked-files=no");
    q.ask("git-untracked", "git ls-files -z -o --exclude-standard --full-name -- :/");
    q.ask("git-convert", "git config core.autocrlf; git config core.eol; true");
    q.ask("git-unpushed", "git rev-list --count HEAD --not --remotes");
    q.ask(
        "git-locks",
        "for f in index.lock HEAD.lock; do f=$(git rev-parse --git-path \"$f\") && [ -e \"$f\" ] && printf '%s\\n' \"$f\"; done; true",
    );
    // That of `git lfs` looks after locks and brings nothing.
    q.ask("git-hook", "h=$(git rev-parse --git-path hooks/post-merge) && [ -x \"$h\" ] && grep -v -e '^#' -e '^[[:space:]]*$' -e git-lfs -e '^git lfs post-merge' \"$h\" | grep -q .");
    q.line("t=$(git rev-parse --show-toplevel 2>/dev/null)");
    q.ask("git-submodules", SUBMODULES);
    q.ask("git-pointers", POINTERS);
    if let Some(commit) = subject.commit {
        q.ask("git-has", &format!("git cat-file -e '{commit}^{{commit}}'"));
    }
}

/// Each with the recorded commit, the one that is checked out (`-`: none), and of one that moved whether it has changed
/// files (`c`) or commits that no remote has (`o`). A name that git would quote is not known. What is moved inside of it
/// (`SC..`) is no change: the update brings it along.
const SUBMODULES: &str = "git -c core.quotepath=off ls-files -s --full-name -- :/ | sed -n 's/^160000 \\([0-9a-f]*\\) 0.\\(.*\\)/\\1 \\2/p' | while IFS= read -r l; do
  p=${l#* }; h=-; f=.
  case $p in
    '\"'*) h='?';;
    *) if [ -e \"$t/$p/.git\" ]; then h=$(git -C \"$t/$p\" rev-parse --verify -q HEAD) || h='?'; fi
      case $h in -|'?'|\"${l%% *}\") ;; *)
        git -C \"$t/$p\" status --porcelain=v2 --untracked-files=no 2>/dev/null |
          awk '/^[12u] / && ($1 == \"u\" || $2 !~ /^\\./ || $3 !~ /^S.\\./) { f = 1 } END { exit !f }' && f=${f}c
        [ -z \"$(git -C \"$t/$p\" rev-list -n 1 HEAD --not --remotes 2>/dev/null)\" ] || f=${f}o;;
      esac;;
  esac
  printf '%s %s %s %s\\n' \"${l%% *}\" \"$h\" \"$f\" \"$p\"
done";

/// Small files that git LFS keeps, and that are what LFS writes into git in their place: at most 1024 bytes. A name
/// with a newline is left out. In a shell of its own: the questions after it are about the folder, not the checkout's top.
const POINTERS: &str = "([ -n \"$t\" ] && cd \"$t\" && git grep -q -F -e filter=lfs -- .gitattributes '*/.gitattributes' &&
git ls-files -z -- ':(attr:filter=lfs)' | tr '\\012\\000' '\\001\\012' | sed 's,^,./,' | tr '\\012' '\\000' |
xargs -0 sh -c 'find \"$@\" -prune -type f -size -3 -exec grep -l \"^version https://git-lfs\" {} +' sh | sed 's,^\\./,,')";

/// Whether `git lfs` is there, and what git does with it.
pub(super) fn ask_lfs(q: &mut Questions) {
    q.ask(
        "lfs",
        "f=$(git config filter.lfs.process || git config filter.lfs.smudge)
if ! git lfs version >/dev/null 2>&1; then echo missing
elif [ -z \"$f\" ]; then echo unset
else case \"$f ${GIT_LFS_SKIP_SMUDGE-}\" in *--skip*|*' 1'|*' true') echo skips;; *) echo works;; esac; fi",
    );
}

pub(super) fn read_lfs(answers: &Answers) -> Option<Lfs> {
    Some(match answers.get("lfs").words().as_str() {
        "missing" => Lfs::Missing,
        "unset" => Lfs::Unset,
        "skips" => Lfs::Skips,
        "works" => Lfs::Works,
        _ => return None,
    })
}

pub(super) fn read(answers: &Answers) -> Result<ServerGit, String> {
    let Some(toplevel) = answers.get("git-top").text() else { return Err(answers.get("git-top").words()) };
    let remote = answers.get("git-remote").text();
    let merge = answers.get("git-merge").text();
    let upstream = remote.zip(merge).map(|(remote, merge)| Upstream {
        remote,
        branch: merge.strip_prefix("refs/heads/").unwrap_or(&merge).to_owned(),
    });
    let status = answers.get("git-status");
    if status.code != 0 {
        return Err("`git status` failed".into());
    }
    let convert = answers.get("git-convert").words().to_lowercase();
    Ok(ServerGit {
        toplevel,
        git_dir: answers.get("git-dir").words(),
        head: answers.get("git-head").text().and_then(|t| Sha::parse(&t)),
        branch: answers.get("git-branch").text(),
        upstream,
        modified: parse_status(&status.out).into_iter().map(|(_, path)| path).collect(),
        untracked: answers.get("git-untracked").list(),
        has_commit: answers.get("git-has").code == 0,
        converts_text: convert.lines().any(|l| matches!(l.trim(), "true" | "crlf" | "yes" | "on" | "1")),
        unpushed: answers.get("git-unpushed").text().and_then(|n| n.parse().ok()).unwrap_or(0),
        locks: answers.get("git-locks").lines(),
        after_merge: answers.get("git-hook").code == 0,
        submodules: answers.get("git-submodules").lines().iter().filter_map(|l| submodule(l)).collect(),
        pointers: answers.get("git-pointers").lines(),
    })
}

fn submodule(line: &str) -> Option<Submodule> {
    let (recorded, rest) = line.split_once(' ')?;
    let (state, rest) = rest.split_once(' ')?;
    let (flags, path) = rest.split_once(' ')?;
    let state = match state {
        "-" => Checked::Out,
        sha => Sha::parse(sha).map_or(Checked::Unknown, Checked::At),
    };
    let (changed, unpushed) = (flags.contains('c'), flags.contains('o'));
    Some(Submodule { path: path.to_owned(), recorded: Sha::parse(recorded)?, state, changed, unpushed })
}
