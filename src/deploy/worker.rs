//! The worker on the server: it has the lock, carries out one task after another, and outlives the connection.

use std::fmt::Write as _;

use super::{
    frames::{Answers, Questions},
    transport::{Finished, Heard, Lost, Transport, keep, nonce, word},
};
use crate::protocol::{Deploying, Holder, Journal, Lock, Task};

/// A running deploy of a server's checkout.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    /// The folder in the checkout's git folder.
    folder: String,
    id: String,
}

/// What came of starting it.
pub(super) enum Begun {
    /// It has the lock; with the answers to what was asked then.
    Held(Worker, Answers),
    /// Somebody else has it.
    Busy(Option<Holder>),
    /// It could not be started, and why.
    Failed(String),
}

/// What came of a task.
pub(super) enum Carrying {
    /// The command ended; with the answers to what was asked then.
    Ended(Finished, Answers),
    /// The worker was killed while the command ran.
    Killed,
    /// The worker was gone before it began the command.
    NotBegun,
}

/// An unfinished deploy.
pub(super) struct Unfinished {
    pub(super) deploying: Deploying,
    pub(super) journal: Journal,
    /// Whether its worker still lives.
    pub(super) alive: bool,
    /// Whether somebody is connected to it.
    pub(super) led: bool,
}

const WORKER: &str = include_str!("worker.sh");

/// How many ended deploys keep their folder with the logs.
const KEPT: usize = 10;

impl Worker {
    /// Starts it, with the lock, or says who has it. The questions are asked as soon as it has it.
    pub(super) fn begin(
        to: &dyn Transport,
        git_dir: &str,
        dir: &str,
        holder: &Holder,
        mut then: Questions,
    ) -> Result<Begun, Lost> {
        let worker = Self { folder: format!("{git_dir}/unstale"), id: holder.id.clone() };
        let mark = nonce();
        let mut text = worker.prologue();
        let holder = serde_json::to_string(holder).expect("strings always serialize");
        // It may run twice: the second time the worker of the first lives.
        write!(
            text,
            "command -v flock >/dev/null 2>&1 || {{ echo no-flock; exit; }}\n\
             if [ ! -e \"$r/pid\" ] || ! kill -0 \"$(cat \"$r/pid\")\" 2>/dev/null; then\n\
             if [ -e \"$u/lock\" ] && ! flock -n \"$u/lock\" true; then echo busy; cat \"$u/holder\"; exit; fi\n\
             mkdir -p \"$r\" 2>&1 || exit\n\
             rm -f \"$r/began\" \"$r/next\" \"$r/end\" \"$r/leave\"\n\
             cat >\"$r/holder\" <<'{mark}'\n{holder}\n{mark}\n\
             cat >\"$r/worker\" <<'{mark}'\n{WORKER}{mark}\n\
             s=nohup; command -v setsid >/dev/null 2>&1 && s=setsid\n\
             $s sh \"$r/worker\" \"$u\" {id} {dir} </dev/null >\"$r/errors\" 2>&1 &\n\
             fi\n\
             i=0; while [ ! -s \"$r/began\" ] && [ $i -lt 100 ]; do i=$((i + 1)); sleep 0.1 2>/dev/null || sleep 1; done\n\
             read -r b <\"$r/began\"; echo \"$b\"\n\
             case $b in held) ;; busy) cat \"$u/holder\"; [ -e \"$r/plan\" ] || rm -rf \"$r\" ;; *) cat \"$r/errors\" ;; esac\n\
             [ \"$b\" = held ] || exit\n{then}",
            id = word(&worker.id),
            dir = word(dir),
            then = then.text(),
        )
        .expect("a String takes everything");
        let answer = to.script(&text)?;
        let out = String::from_utf8_lossy(&answer);
        let (first, rest) = out.split_once('\n').unwrap_or((&out, ""));
        Ok(match first {
            "held" => {
                worker.lead(to)?;
                Begun::Held(worker, then.read(&answer)?)
            }
            "busy" => Begun::Busy(serde_json::from_str(rest.trim()).ok()),
            "no-flock" => Begun::Failed(
                "the server has no `flock` (package util-linux or busybox), which keeps two deploys apart"
                    .to_owned(),
            ),
            _ => Begun::Failed(format!("the worker did not start on the server: {}", out.trim())),
        })
    }

    /// From now on the worker waits for tasks of this process, and ends some time after this process is gone.
    fn lead(&self, to: &dyn Transport) -> Result<(), Lost> {
        to.hold(&format!("exec 8>>{}/leash; flock 8", word(&self.run())))
    }

    /// Writes down the plan: with it, any client can go on.
    pub(super) fn write(&self, to: &dyn Transport, deploying: &Deploying) -> Result<(), Lost> {
        let mark = nonce();
        let plan = serde_json::to_string(deploying).expect("strings, numbers and lists always serialize");
        let text = format!(
            "{}cat >\"$r/plan.new\" <<'{mark}' && mv -f \"$r/plan.new\" \"$r/plan\"\n{plan}\n{mark}\n",
            self.prologue()
        );
        to.script(&text).map(drop)
    }

    /// Has a task carried out, or goes on watching one that was given before, until it ends. The questions are asked as
    /// soon as it has ended, on the same way.
    pub(super) fn carry_out(
        &self,
        to: &dyn Transport,
        task: &Task,
        argv: &[String],
        stdin: &str,
        mut then: Questions,
        on: &mut dyn FnMut(Heard<'_>),
    ) -> Result<Carrying, Lost> {
        let mark = nonce();
        let words = argv.iter().map(|w| word(w)).collect::<Vec<_>>().join(" ");
        // A `git fetch` may leave a process behind that tidies up for minutes: it must not keep the lock.
        let free = if argv.first().is_some_and(|name| name == "git") { "exec 9>&-\n" } else { "" };
        let text = format!(
            "{prologue}n={n}\n\
             # What no worker has begun was given to one that was killed.\n\
             if ! grep -q ' start {line}$' \"$r/journal\" && [ \"$(cat \"$r/next\" 2>/dev/null)\" != \"$n\" ]; then\n\
             cat >\"$r/$n.tmp\" <<'{mark}'\n{free}{{ {words}\n}} <<'{mark}-in'\n{stdin}{mark}-in\n{mark}\n\
             echo \"$n\" >\"$r/next.new\"; mv -f \"$r/$n.tmp\" \"$r/$n.cmd\"; mv -f \"$r/next.new\" \"$r/next\"\n\
             fi\n\
             p=$(cat \"$r/pid\" 2>/dev/null) at=1 c=\n\
             while :; do\n\
             if [ -z \"$p\" ] || ! kill -0 \"$p\" 2>/dev/null; then\n\
             c=killed; grep -q ' start {line}$' \"$r/journal\" || c=not-begun\n\
             fi\n\
             [ ! -e \"$r/$n.rc\" ] || c=$(cat \"$r/$n.rc\")\n\
             size=$(wc -c <\"$r/$n.log\" 2>/dev/null) || size=0\n\
             [ \"$size\" -lt $at ] || {{ tail -c +$at \"$r/$n.log\" | head -c $((size - at + 1)); at=$((size + 1)); }}\n\
             [ -z \"$c\" ] || break\n\
             sleep 0.1 2>/dev/null || sleep 1\n\
             done\n\
             printf '\\n%s %s\\n' {mark} \"$c\"\n\
             case $c in killed | not-begun) exit ;; esac\n\
             {then}",
            prologue = self.prologue(),
            n = task.name(),
            line = task.name().replace('.', "[.]"),
            then = then.text(),
        );
        let mut tail = Vec::new();
        let rest = to.follow(&text, &mark, &mut |heard| {
            keep(&mut tail, heard);
            on(heard);
        })?;
        let code = rest.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let code = String::from_utf8_lossy(code).trim().to_owned();
        Ok(match code.parse() {
            Ok(code) => Carrying::Ended(Finished { code, tail }, then.read(&rest)?),
            Err(_) if code == "not-begun" => Carrying::NotBegun,
            Err(_) => Carrying::Killed,
        })
    }

    /// Ends it: the deploy is done, or taken back. The logs of the last ones stay.
    pub(super) fn end(&self, to: &dyn Transport, word: &str) -> Result<(), Lost> {
        let text = format!(
            "{}echo {word} >\"$r/end\"\n\
             i=0; while [ -e \"$r/pid\" ] && [ $i -lt 50 ]; do i=$((i + 1)); sleep 0.1 2>/dev/null || sleep 1; done\n\
             kill -0 \"$(cat \"$r/pid\" 2>/dev/null)\" 2>/dev/null || rm -f \"$r/pid\" \"$r/next\" \"$u/holder\"\n\
             cd \"$u/runs\" || exit\n\
             ls -1t | sed '1,{KEPT}d' | while IFS= read -r o; do [ ! -e \"$o/end\" ] || rm -rf \"./$o\"; done\n",
            self.prologue()
        );
        to.script(&text).map(drop)
    }

    /// Frees the lock; what is not done yet stays for `resume`.
    pub(super) fn leave(&self, to: &dyn Transport) -> Result<(), Lost> {
        to.script(&format!("{}: >\"$r/leave\"\n", self.prologue())).map(drop)
    }

    /// Ends one that has done nothing, and leaves nothing of it.
    pub(super) fn give_up(&self, to: &dyn Transport) -> Result<(), Lost> {
        self.end(to, "nothing")?;
        to.script(&format!("{}rm -rf \"$r\"\n", self.prologue())).map(drop)
    }

    /// What is known of an unfinished deploy.
    pub(super) fn unfinished(
        to: &dyn Transport,
        git_dir: &str,
        id: &str,
    ) -> Result<Result<Unfinished, String>, Lost> {
        let worker = Self { folder: format!("{git_dir}/unstale"), id: id.to_owned() };
        let mut q = Questions::new();
        q.line(&worker.prologue());
        q.ask("plan", "cat \"$r/plan\"");
        q.ask("journal", "cat \"$r/journal\"");
        q.ask(
            "codes",
            "(cd \"$r\" && for f in *.rc; do [ -e \"$f\" ] && echo \"${f%.rc} $(cat \"$f\")\"; done; true)",
        );
        q.ask("alive", "kill -0 \"$(cat \"$r/pid\")\"");
        q.ask("led", "[ -e \"$r/leash\" ] && ! flock -n \"$r/leash\" true");
        let answers = q.send(to)?;
        let plan = answers.get("plan").words();
        Ok(match serde_json::from_str::<Deploying>(&plan) {
            Err(error) => Err(format!("the plan of deploy `{id}` cannot be read: {error}")),
            Ok(deploying) => Ok(Unfinished {
                deploying,
                journal: Journal::parse(&answers.get("journal").lines(), &answers.get("codes").lines()),
                alive: answers.get("alive").code == 0,
                led: answers.get("led").code == 0,
            }),
        })
    }

    fn run(&self) -> String {
        format!("{}/runs/{}", self.folder, self.id)
    }

    fn prologue(&self) -> String {
        format!("umask 077\nu={}\nr={}\n", word(&self.folder), word(&self.run()))
    }
}

/// Asks who has the lock, and which deploys were left unfinished. `d` is the checkout's folder of ours.
pub(super) fn ask_lock(q: &mut Questions) {
    q.line("d=$(git rev-parse --absolute-git-dir 2>/dev/null)/unstale");
    q.ask("lock", "[ -e \"$d/lock\" ] && command -v flock >/dev/null && ! flock -n \"$d/lock\" true");
    q.ask("holder", "cat \"$d/holder\"");
    q.ask(
        "holder-at",
        "i=$(sed -n 's/.*\"id\":\"\\([0-9a-z-]*\\)\".*/\\1/p' \"$d/holder\") && tail -n 1 \"$d/runs/$i/journal\"",
    );
    for (name, begun) in [("open", ""), ("idle", "! ")] {
        let begun = format!("{begun}grep -qs ' start ' \"$i/journal\"");
        q.ask(
            name,
            &format!("(cd \"$d/runs\" && for i in *; do [ -e \"$i/plan\" ] && [ ! -e \"$i/end\" ] && {begun} && echo \"$i\"; done; true)"),
        );
    }
}

/// Reads what [`ask_lock`] asked.
pub(super) fn read_lock(answers: &Answers) -> Lock {
    let held =
        (answers.get("lock").code == 0).then(|| serde_json::from_str(&answers.get("holder").words()).ok());
    Lock {
        held,
        at: answers.get("holder-at").text().filter(|line| !line.is_empty()),
        open: answers.get("open").lines(),
        idle: answers.get("idle").lines(),
    }
}
