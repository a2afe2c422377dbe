//! Asks a service over HTTP what a visitor gets, with the `curl` or `wget` that is there.

use std::time::Duration;

use super::{
    Session,
    frames::{Answers, Questions},
    now, pause,
    transport::{Lost, Transport, word},
};
use crate::protocol::{
    Event, HttpAnswer, HttpCheck, HttpReply, Judgement, Place, Refused, Sha, Verdict, below, judge_http,
    quote,
};

/// How much of an answer is read, in bytes.
const MOST: usize = 2 << 20;
/// How long one attempt may take, in seconds.
const ATTEMPT: u64 = 10;
/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

impl Session<'_> {
    /// What the service has to answer, by the configuration nearest to its project here.
    pub(super) fn http_check(&self) -> Result<Option<HttpCheck>, Refused> {
        let mut checks = (self.checks)(self.folder()).map_err(|why| Refused::new("config-error", why))?;
        Ok(checks.remove(&self.service))
    }

    /// How many images of before are kept, by the same configuration.
    pub(super) fn keep(&self) -> Result<usize, Refused> {
        (self.keeps)(self.folder()).map_err(|why| Refused::new("config-error", why))
    }

    /// The project's folder from the checkout's top.
    fn folder(&self) -> Option<&str> {
        let server = &self.seen.server;
        let top = server.git().map(|git| git.toplevel.as_str());
        server.dir.as_deref().zip(top).and_then(|(dir, top)| below(dir, top))
    }

    /// Asks until the answer is as expected, or until its time is over; and adds what it says to the verdict on the
    /// containers. Where that is stale already, or one of them is sick, one answer is enough.
    pub(super) fn ask_over_http(
        &self,
        judgement: Judgement,
        check: Option<&HttpCheck>,
        commit: &Sha,
        on: &mut dyn FnMut(&Event<'_>),
    ) -> Result<Judgement, Lost> {
        let Some(check) = check else { return Ok(judgement) };
        let older = if check.names_the_commit() { self.repo.before(commit)? } else { Vec::new() };
        let begin = now();
        let judged = loop {
            let reply = match check.from {
                Place::Server => fetch(self.to.as_ref(), &check.url)?,
                Place::Here => fetch(&self.local, &check.url)?,
            };
            let judged = judge_http(&self.service, check, commit, &older, &reply);
            let over = begin.elapsed() >= Duration::from_secs(check.timeout);
            let sick = judgement.sick().next().is_some();
            let hopeless =
                matches!(reply, HttpReply::NoClient(_)) || judgement.verdict == Verdict::Stale || sick;
            if judged.verdict == Verdict::Verified || hopeless || over {
                break judged;
            }
            on(&Event::Line(&format!("waiting for `{}`", check.url)));
            pause(PAUSE);
        };
        let restart = self.target.paste(&self.compose_restart());
        let words = ["unstale", "deploy", &self.service].map(str::to_owned).into_iter();
        let deploy: Vec<String> = words.chain(self.target.words()).map(|word| quote(&word)).collect();
        Ok(judgement.and_http(judged, &restart, &deploy.join(" ")))
    }

    fn compose_restart(&self) -> Vec<String> {
        let compose = self.seen.server.compose();
        compose.map(|compose| compose.argv(&["restart", &self.service])).unwrap_or_default()
    }
}

/// One attempt. No redirect is followed, no proxy of the environment asked and no configuration of the client read: what
/// is meant is what a visitor of this very URL gets.
pub(super) fn fetch(to: &dyn Transport, url: &str) -> Result<HttpReply, Lost> {
    let mut questions = Questions::new();
    let limit = MOST + 1;
    for line in [
        "unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY WGETRC",
        "unstale_client= unstale_limit= unstale_said=",
        &format!("unstale_url={}", word(url)),
        &format!("command -v timeout >/dev/null 2>&1 && unstale_limit='timeout {}'", ATTEMPT + 2),
        "if command -v curl >/dev/null 2>&1; then unstale_client=curl",
        "elif wget --version 2>/dev/null | grep -q GNU; then unstale_client=wget",
        "elif command -v wget >/dev/null 2>&1; then unstale_client=busybox",
        "fi",
    ] {
        questions.line(line);
    }
    questions.ask("client", "printf %s \"$unstale_client\"");
    // The body goes where the answer is read, and what the client says of it, with its exit code, into a variable.
    questions.ask(
        "out",
        &format!(
            "{{ unstale_said=$( {{ {{ case $unstale_client in
curl) $unstale_limit curl -q -sS -i -g --connect-timeout 5 --max-time {ATTEMPT} --url \"$unstale_url\" ;;
wget) $unstale_limit wget --no-config -nv -S -T {ATTEMPT} -t 1 --max-redirect=0 --content-on-error -O - -- \"$unstale_url\" ;;
busybox) $unstale_limit wget -S -O - -- \"$unstale_url\" ;;
esac 2>&4; printf '\\n%s' \"$?\" >&4; }} | head -c {limit} >&3; }} 4>&1 ); }} 3>&1"
        ),
    );
    questions.ask("said", "printf %s \"$unstale_said\"");
    Ok(read(&questions.send(to)?))
}

fn read(answers: &Answers) -> HttpReply {
    let client = answers.get("client").words();
    if client.is_empty() {
        return HttpReply::NoClient("there is neither `curl` nor `wget`".to_owned());
    }
    let said = answers.get("said").out;
    let said = String::from_utf8_lossy(&said);
    let (said, code) = said.rsplit_once('\n').unwrap_or_default();
    let code: i32 = code.trim().parse().unwrap_or(-1);
    let mut out = answers.get("out").out;
    let cut = out.len() > MOST;
    out.truncate(MOST);
    let answer = if client == "curl" { with_head(&out) } else { with_log(said, out) };
    match answer {
        // wget ends with an error for a status that it does not like, and for a redirect that it must not follow.
        Some(answer) if code == 0 || cut || (client != "curl" && answer.status >= 300) => {
            HttpReply::Answer(HttpAnswer { cut, ..answer })
        }
        _ if code == 124 || code == 143 => {
            HttpReply::Nothing(format!("`{client}` had none after {ATTEMPT} seconds"))
        }
        _ => {
            let last = said.lines().map(str::trim).rfind(|line| !line.is_empty());
            HttpReply::Nothing(last.map_or_else(|| format!("`{client}` ended with {code}"), str::to_owned))
        }
    }
}

/// What `curl -i` prints: heads, of which those below 200 announce another, and the body.
fn with_head(out: &[u8]) -> Option<HttpAnswer> {
    let mut rest = out;
    loop {
        let (len, gap) = head_len(rest)?;
        let head = String::from_utf8_lossy(&rest[..len]).into_owned();
        rest = &rest[len + gap..];
        let mut lines = head.lines();
        let status = status(lines.next()?)?;
        if status >= 200 {
            let headers = lines.filter_map(header).collect();
            return Some(HttpAnswer { status, headers, body: rest.to_vec(), cut: false });
        }
    }
}

/// Where a head ends, and how long the empty line after it is.
fn head_len(bytes: &[u8]) -> Option<(usize, usize)> {
    let find = |end: &[u8]| super::frames::find(bytes, end).map(|at| (at, end.len()));
    [find(b"\r\n\r\n"), find(b"\n\n")].into_iter().flatten().min()
}

/// What `wget -S` says beside the body: its first head is that of the URL itself, and those that follow are those of
/// redirects, which some cannot leave alone.
fn with_log(said: &str, out: Vec<u8>) -> Option<HttpAnswer> {
    let mut heads = said.lines().skip_while(|line| !line.trim_start().starts_with("HTTP/"));
    let mut of = status(heads.next()?.trim_start())?;
    let mut headers = Vec::new();
    for line in heads {
        match header(line.trim_start()).filter(|_| line.starts_with("  ")) {
            Some(found) => headers.push(found),
            None => match status(line.trim_start()).filter(|_| of < 200) {
                Some(next) => {
                    of = next;
                    headers.clear();
                }
                None if of < 200 && line.trim().is_empty() => {}
                None => break,
            },
        }
    }
    let redirected = (300..400).contains(&of);
    let body = if redirected { Vec::new() } else { out };
    Some(HttpAnswer { status: of, headers, body, cut: false })
}

/// The status of a line such as `HTTP/1.1 200 OK`.
fn status(line: &str) -> Option<u16> {
    line.strip_prefix("HTTP/")?.split_whitespace().nth(1)?.parse().ok().filter(|s| (100..600).contains(s))
}

fn header(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    plain.then(|| (name.to_ascii_lowercase(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{
        super::transport::{Heard, Local},
        *,
    };

    #[test]
    fn the_first_answer_that_is_one_counts() {
        let out = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/2 200 \r\nAge: 12\r\nX-Odd\r\n\r\nbody\r\n\r\nmore";
        let answer = with_head(out).expect("an answer");
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"body\r\n\r\nmore"[..]));
        assert_eq!(answer.headers, [("age".to_owned(), "12".to_owned())]);
        for cut in 0..60 {
            assert_eq!(with_head(&out[..cut]), None, "{cut}");
        }
        assert_eq!(with_head(b"SSH-2.0-OpenSSH\n\n"), None);
    }

    #[test]
    fn of_a_client_that_follows_redirects_the_first_answer_counts() {
        let said =
            "Connecting to x\n  HTTP/1.1 302 Found\n  Location: /d/\n  Age: 3\n  HTTP/1.1 200 OK\n  Age: 4\n";
        let answer = with_log(said, b"elsewhere".to_vec()).expect("an answer");
        assert_eq!((answer.status, answer.body.len()), (302, 0));
        assert_eq!(answer.headers[0].1, "/d/");
        assert_eq!(answer.headers.len(), 2, "not those of the other");
        let said = "  HTTP/1.1 103 Early Hints\n  Link: a\n  HTTP/1.1 200 OK\n  Age: 4\n2026-11-28 URL:http://x [6/6]";
        let answer = with_log(said, b"here".to_vec()).expect("an answer");
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"here"[..]));
        assert_eq!(answer.headers, [("age".to_owned(), "4".to_owned())]);
    }

    /// A shell that finds these programs and no others.
    struct Only(Local, tempfile::TempDir);

    impl Only {
        fn new(programs: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            for (name, path) in
                [("head", "/usr/bin/head"), ("grep", "/usr/bin/grep"), ("timeout", "/usr/bin/timeout")]
                    .iter()
                    .chain(programs)
            {
                std::os::unix::fs::symlink(path, folder.path().join(name)).expect("a link");
            }
            Self(Local::new("/"), folder)
        }
    }

    impl Transport for Only {
        fn script(&self, text: &str) -> Result<Vec<u8>, Lost> {
            self.0.script(&format!("PATH={}\n{text}", self.1.path().display()))
        }

        fn follow(&self, _: &str, _: &str, _: &mut dyn FnMut(Heard<'_>)) -> Result<Vec<u8>, Lost> {
            unreachable!("nothing is followed")
        }

        fn hold(&self, _: &str) -> Result<(), Lost> {
            unreachable!("nothing is held")
        }
    }

    /// A server that gives each path its answer, as often as it is asked, until the test ends.
    fn server(answer: fn(&str) -> Vec<u8>) -> String {
        use std::io::{BufRead as _, BufReader, Write as _};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = format!("http://{}", listener.local_addr().expect("its own address"));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let lines = BufReader::new(stream.try_clone().expect("a second handle")).lines();
                let head: Vec<String> =
                    lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
                // A client that has enough goes away.
                drop(stream.write_all(&answer(path)));
            }
        });
        at
    }

    fn pages(path: &str) -> Vec<u8> {
        let plain = |status: &str, more: &str, body: &[u8]| {
            let head = format!(
                "HTTP/1.1 {status}\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            [head.as_bytes(), body].concat()
        };
        match path {
            "/" => plain("200 OK", "Age: 7\r\n", b"one\0two\n\n\xff\n"),
            "/away" => plain("301 Moved Permanently", "Location: /\r\n", b"gone"),
            "/large" => plain("200 OK", "", &vec![b'x'; MOST + 5000]),
            "/half" => b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf of it".to_vec(),
            "/odd?a=$(id)&b=%22" => plain("200 OK", "X-Odd: \x1b[31m\r\n", b"as it is"),
            _ => plain("404 Not Found", "", b"none"),
        }
    }

    #[test]
    fn every_client_brings_the_same() {
        let at = server(pages);
        for (program, path) in
            [("curl", "/usr/bin/curl"), ("wget", "/usr/bin/wget"), ("wget", "/bin/busybox")]
        {
            let to = Only::new(&[(program, path)]);
            let get = |path: &str| fetch(&to, &format!("{at}{path}")).expect("sh is there");
            let answer = |path: &str| match get(path) {
                HttpReply::Answer(answer) => answer,
                other => panic!("{program} {path}: {other:?}"),
            };
            let page = answer("/");
            assert_eq!((page.status, page.cut), (200, false), "{path}");
            assert_eq!(page.body, b"one\0two\n\n\xff\n", "byte for byte, {path}");
            assert!(page.headers.contains(&("age".to_owned(), "7".to_owned())), "{path}: {page:?}");
            let away = answer("/away");
            assert_eq!(away.status, 301, "{path}");
            assert!(away.headers.contains(&("location".to_owned(), "/".to_owned())), "{path}: {away:?}");
            assert_ne!(away.body, page.body, "{path} did not follow it");
            assert_eq!(answer("/none").status, 404, "{path}");
            assert_eq!(answer("/odd?a=$(id)&b=%22").body, b"as it is", "the shell left it alone, {path}");
            let large = answer("/large");
            assert!(large.cut && large.body.len() <= MOST && large.body.len() > MOST / 2, "{path}");
            assert!(matches!(get("/half"), HttpReply::Nothing(_)), "{path}: {:?}", get("/half"));
            let nobody = fetch(&to, "http://127.0.0.1:1/").expect("sh is there");
            let HttpReply::Nothing(why) = nobody else { panic!("{path}: {nobody:?}") };
            let why = why.to_lowercase();
            assert!(why.contains("refused") || why.contains("couldn't connect"), "{path}: {why}");
        }
        let none = fetch(&Only::new(&[]), &at).expect("sh is there");
        assert!(matches!(none, HttpReply::NoClient(_)), "{none:?}");
    }

    #[test]
    fn a_url_is_one_word_whatever_it_holds() {
        let to = Local::new("/");
        let folder = tempfile::tempdir().expect("a folder");
        let made = folder.path().join("evil");
        let command = format!("touch {}", made.display());
        for evil in [
            &format!("'; {command}; '"),
            &format!("$({command})"),
            &format!("-o{}", made.display()),
            &format!("\n {command}\n"),
            "\u{1b}[2J",
        ] {
            for url in [evil.to_owned(), format!("http://127.0.0.1:1/{evil}")] {
                let reply = fetch(&to, &url).expect("sh is there");
                assert!(matches!(reply, HttpReply::Nothing(_)), "{url:?}: {reply:?}");
                assert!(!made.exists(), "{url:?}");
            }
        }
    }
}
