//! The values of flags: which ones BuildKit refuses before it expands any variable.

use super::csv_fields;

/// A value for a message: cut where it gets long.
pub(super) fn excerpt(value: &str) -> String {
    match value.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// A piece of [`Flag::as_read`](super::Flag::as_read) for a message: the characters that its bytes are in the file.
pub(super) fn shown(as_read: &str) -> String {
    let bytes: Vec<u8> = as_read.chars().filter_map(|c| u8::try_from(c).ok()).collect();
    excerpt(&String::from_utf8_lossy(&bytes))
}

/// `--network` and `--security` of RUN.
pub(super) fn run(name: &str, value: &str) -> Result<(), String> {
    let allowed: &[&str] =
        if name == "network" { &["default", "none", "host"] } else { &["sandbox", "insecure"] };
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(format!("`{}` is no value for `--{name}`: write {}", shown(value), allowed.join(" or ")))
}

/// `--mount`.
pub(super) fn mount(value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err("`--mount` is empty: write `--mount=type=cache,target=/path`".to_owned());
    }
    let fields = csv_fields(value).ok_or_else(|| {
        "the quotes of `--mount` do not match: quote a whole field, or none of it".to_owned()
    })?;
    for field in fields {
        let Some((key, value)) = field.value.split_once('=') else { continue };
        let variable = value.find('$').is_some_and(|at| at + 1 != value.len());
        if key.to_lowercase() == "from" && variable {
            return Err(
                "`from` of `--mount` takes no variable: name a stage `FROM $image AS name` and use its name"
                    .to_owned(),
            );
        }
    }
    Ok(())
}

/// `--device`: a name, and `required`.
pub(super) fn device(value: &str) -> Result<(), String> {
    const FORM: &str = "write `--device=vendor.com/class=name` or `--device=name,required`";
    if value.is_empty() {
        return Err(format!("`--device` is empty: {FORM}"));
    }
    let fields = csv_fields(value).ok_or_else(|| {
        "the quotes of `--device` do not match: quote a whole field, or none of it".to_owned()
    })?;
    let mut name = String::new();
    for field in fields {
        let refused = || Err(format!("`--device` has no option `{}`: {FORM}", shown(&field.value)));
        let Some((key, value)) = field.value.split_once('=') else {
            match field.value.to_lowercase().as_str() {
                "required" => {}
                _ if name.is_empty() => name.clone_from(&field.value),
                _ => return refused(),
            }
            continue;
        };
        match key.to_lowercase().as_str() {
            "name" if name.is_empty() => value.clone_into(&mut name),
            "name" => return Err(format!("`--device` names `{}` already: keep one", shown(&name))),
            "required" if is_bool(value) => {}
            "required" => {
                return Err(format!("`required` of `--device` is true or false, not `{}`", shown(value)));
            }
            _ if name.is_empty() => name.clone_from(&field.value),
            _ => return refused(),
        }
    }
    Ok(())
}

/// What Go's `strconv.ParseBool` takes.
fn is_bool(value: &str) -> bool {
    ["1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False"].contains(&value)
}

/// The flags of HEALTHCHECK.
pub(super) fn health(name: &str, value: &str) -> Result<(), String> {
    let expected = if name == "--retries" {
        let number = || value.strip_prefix('+').unwrap_or(value);
        if value.is_empty() || (!number().starts_with('+') && number().parse().is_ok_and(|n: i32| n >= 0)) {
            return Ok(());
        }
        "a number that is not negative"
    } else {
        if value.is_empty() || duration(value).is_some_and(|ns| ns == 0 || ns >= 1_000_000) {
            return Ok(());
        }
        "a duration such as `30s`, of 1 ms or more"
    };
    Err(format!("`{}` is no value for `{name}`: write {expected}", shown(value)))
}

/// Go's `time.ParseDuration`, in nanoseconds.
fn duration(value: &str) -> Option<i64> {
    const END: u64 = 1 << 63;
    let (negative, mut rest) = match value.as_bytes().first() {
        Some(b'-') => (true, &value[1..]),
        Some(b'+') => (false, &value[1..]),
        _ => (false, value),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (number, after) = digits(rest);
        let (fraction, after) = after.strip_prefix('.').map_or(("", after), digits);
        if number.is_empty() && fraction.is_empty() {
            return None;
        }
        let unit = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let size: u64 = match &after[..unit] {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let whole: u64 = if number.is_empty() { 0 } else { number.parse().ok()? };
        let whole = whole.checked_mul(size)?.checked_add(part(fraction, size))?;
        total = total.checked_add(whole).filter(|&total| total <= END)?;
        rest = &after[unit..];
    }
    if negative {
        return Some(0_i64.wrapping_sub_unsigned(total));
    }
    i64::try_from(total).ok()
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// A fraction of a unit of that size, rounded down: 18 digits are more than any unit holds.
fn part(fraction: &str, size: u64) -> u64 {
    let kept = &fraction[..fraction.len().min(18)];
    let Ok(number) = kept.parse::<u128>() else { return 0 };
    let scale = kept.bytes().fold(1_u128, |scale, _| scale * 10);
    u64::try_from(number * u128::from(size) / scale).unwrap_or(0)
}
