//! What the text of a value must be where Compose reads more out of it than a text.

use super::shape::Test;

pub(super) const BOOL: Test = (is_bool, "truth value: write `true` or `false`");
pub(super) const INT: Test = (is_int, "whole number");
pub(super) const FLOAT: Test = (is_float, "number");
pub(super) const NOT_NEGATIVE: Test =
    (|text| text.parse::<f64>().is_ok_and(|number| number >= 0.0), "number from 0");
pub(super) const DURATION: Test = (is_duration, "duration: give it a unit, such as `30s` or `1m30s`");
pub(super) const SIZE: Test = (is_size, "size: write a number and `b`, `k`, `m` or `g`, such as `512m`");
pub(super) const NON_EMPTY: Test = (|text| !text.is_empty(), "value: it is empty");
pub(super) const NAME: Test = (is_name, "name: Compose takes letters, digits, `.`, `_` and `-` only");
pub(super) const LOWER_CASE: Test = (|text| text.bytes().all(|b| b.is_ascii_lowercase()), "name of a limit");
pub(super) const PORT: Test =
    (is_port, "port: write `80`, `8080:80` or `127.0.0.1:8080:80`, each 0 to 65535");
pub(super) const IP: Test = (is_ip, "IP address");
pub(super) const MOUNT: Test = (|_| true, "mount");
pub(super) const DEVICE: Test =
    (|text| text.split(':').count() <= 3, "device: write `source:target:permissions`");
pub(super) const DEVICE_COUNT: Test = (is_device_count, "number of devices: write a number or `all`");
pub(super) const PAIR: Test = (|text| text.contains('='), "`name=value`");
pub(super) const SSH: Test =
    (|text| text == "default" || text.contains('='), "SSH agent: write `default` or `id=path`");
pub(super) const VARIABLE: Test = (has_no_trailing_space, "variable: a space stands before `=`");
pub(super) const HOST: Test = (is_host, "host name");
pub(super) const HOST_ENTRY: Test = (is_host_entry, "host: write `name=address`");
pub(super) const COMMAND: Test =
    (is_command, "command: a quote is never closed, or something is missing behind `$(`");
pub(super) const CONTAINER_NAME: Test =
    (is_container_name, "name of a container: it takes two letters, digits, `_`, `.` or `-`, at least");
pub(super) const PULL_POLICY: Test = (
    is_pull_policy,
    "pull policy: write `always`, `never`, `missing`, `build`, `daily`, `weekly` or `every_12h`",
);

fn is_bool(text: &str) -> bool {
    ["true", "false", "y", "yes", "on", "n", "no", "off"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn is_int(text: &str) -> bool {
    text.parse::<i64>().is_ok()
}

/// Go also reads hexadecimal floats and underscores in some places; nobody writes them here.
fn is_float(text: &str) -> bool {
    text.parse::<f64>().is_ok() || text.to_ascii_lowercase().trim_start_matches(['+', '-']).starts_with("0x")
}

/// `str2duration`: a sign, then numbers that have a unit each; `0` alone has none.
fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let number = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (whole, behind) = rest.split_at(number);
        let fraction = behind.strip_prefix('.').unwrap_or(behind);
        let tail = if behind.len() == fraction.len() {
            behind
        } else {
            fraction.trim_start_matches(|c: char| c.is_ascii_digit())
        };
        if whole.len() > 15 || (whole.is_empty() && tail.len() == fraction.len()) {
            return false;
        }
        let unit = tail.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(tail.len());
        if !matches!(&tail[..unit], "ns" | "us" | "µs" | "μs" | "ms" | "s" | "m" | "h" | "d" | "w") {
            return false;
        }
        rest = &tail[unit..];
    }
    true
}

/// `units.RAMInBytes`, and any whole number before.
fn is_size(text: &str) -> bool {
    if is_int(text) {
        return true;
    }
    let Some(last) = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ') else { return false };
    let number = if text.as_bytes()[last] == b' ' { &text[..last] } else { &text[..=last] };
    let Ok(number) = number.parse::<f64>() else { return false };
    let unit = text[last + 1..].to_ascii_lowercase();
    number >= 0.0
        && (matches!(unit.as_str(), "" | "b")
            || unit
                .strip_prefix(['k', 'm', 'g', 't', 'p'])
                .is_some_and(|rest| matches!(rest, "" | "b" | "ib")))
}

pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// `nat.ParsePortSpec`.
fn is_port(text: &str) -> bool {
    let mut parts = text.rsplitn(3, ':');
    let container = parts.next().unwrap_or_default();
    let (host, ip) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (container, protocol) = container.split_once('/').unwrap_or((container, "tcp"));
    let ip_ok =
        ip.is_empty() || is_ip(ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip));
    let protocol_ok = ["", "tcp", "udp", "sctp"].iter().any(|known| protocol.eq_ignore_ascii_case(known));
    let Some((start, end)) = port_range(container) else { return false };
    let host_ok = host.is_empty()
        || port_range(host).is_some_and(|(from, to)| start == end || end - start == to - from);
    ip_ok && protocol_ok && host_ok
}

fn port_range(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| text.parse::<u16>().ok();
    match text.split_once('-') {
        None => number(text).map(|n| (n, n)),
        Some((start, end)) => {
            let (start, end) = (number(start)?, number(end)?);
            (start <= end).then_some((start, end))
        }
    }
}

/// `net.ParseIP` takes a zone nowhere, and neither does this.
fn is_ip(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
}

fn is_device_count(text: &str) -> bool {
    text.eq_ignore_ascii_case("all") || is_int(text)
}

fn has_no_trailing_space(text: &str) -> bool {
    !text.split('=').next().unwrap_or_default().ends_with(|c: char| c.is_ascii_whitespace())
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && !text.contains([':', '='])
}

fn is_host_entry(text: &str) -> bool {
    text.split_once('=').or_else(|| text.split_once(':')).is_some_and(|(host, _)| is_host(host))
}

fn is_container_name(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| {
        pair[0].is_ascii_alphanumeric()
            && (pair[1].is_ascii_alphanumeric() || matches!(pair[1], b'_' | b'.' | b'-'))
    })
}

/// The schema's pattern is not anchored: any text that holds one of the words will do.
fn is_pull_policy(text: &str) -> bool {
    const WORDS: [&str; 8] =
        ["always", "never", "build", "if_not_present", "missing", "refresh", "daily", "weekly"];
    let every = text.match_indices("every_").any(|(at, word)| {
        let rest = &text[at + word.len()..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        digits > 0 && rest[digits..].starts_with(['w', 'd', 'h', 'm', 's'])
    });
    every || WORDS.iter().any(|word| text.contains(word))
}

/// `shellwords`, which refuses what is open at the end, and brackets that no `$` and no quotes explain.
fn is_command(text: &str) -> bool {
    let (mut escaped, mut double, mut single, mut back, mut dollar) = (false, false, false, false, false);
    let mut before = ' ';
    for c in text.chars() {
        let previous = std::mem::replace(&mut before, c);
        match c {
            _ if escaped => escaped = false,
            '\\' if single => {}
            '\\' => {
                escaped = true;
                before = previous;
            }
            '`' if !single && !double && !dollar => back = !back,
            ')' if !single && !double && !back => dollar = !dollar,
            '(' if !single && !double && !back => {
                if dollar || previous != '$' {
                    return false;
                }
                dollar = true;
            }
            '"' if !single && !dollar => {
                double = !double;
                before = previous;
            }
            '\'' if !double && !dollar => {
                single = !single;
                before = previous;
            }
            ';' | '&' | '|' | '<' | '>' if !(single || double || back || dollar) => return true,
            _ => {}
        }
    }
    !(escaped || single || double || back || dollar)
}
