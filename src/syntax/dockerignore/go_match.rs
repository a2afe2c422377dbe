//! `filepath.Match(pattern, ".")` of Go, for the one thing that moby uses it for: whether it is an error.

/// The error that Go gives, if it gives one. Go looks only as far as the match goes.
pub(super) fn check(pattern: &str) -> Result<(), &'static str> {
    let mut rest = pattern;
    let mut name = ".";
    while !rest.is_empty() {
        let (star, chunk, after) = scan_chunk(rest);
        rest = after;
        if star && chunk.is_empty() {
            return Ok(());
        }
        let Some(tail) = match_chunk(chunk, name)? else {
            if star && !name.is_empty() {
                // The only other place is behind the dot.
                match match_chunk(chunk, "")? {
                    Some(_) => name = "",
                    None => return Ok(()),
                }
                continue;
            }
            return Ok(());
        };
        if tail.is_empty() || !rest.is_empty() {
            name = tail;
        } else if star && match_chunk(chunk, "")?.is_some() {
            name = "";
        } else {
            return Ok(());
        }
    }
    Ok(())
}

/// Stars, then the text up to the next star that stands in no class.
fn scan_chunk(pattern: &str) -> (bool, &str, &str) {
    let body = pattern.trim_start_matches('*');
    let (mut in_range, mut escaped) = (false, false);
    let mut end = body.len();
    for (i, b) in body.bytes().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'[' => in_range = true,
            b']' => in_range = false,
            b'*' if !in_range => {
                end = i;
                break;
            }
            _ => {}
        }
    }
    (body.len() < pattern.len(), &body[..end], &body[end..])
}

/// What is left of the name after the chunk; `None` if it does not match. After a mismatch the chunk is still checked.
fn match_chunk<'n>(mut chunk: &str, name: &'n str) -> Result<Option<&'n str>, &'static str> {
    let mut name = name.chars();
    let mut failed = false;
    while let Some(c) = chunk.chars().next() {
        failed |= name.as_str().is_empty();
        let mut next = || if failed { None } else { name.next() };
        chunk = &chunk[c.len_utf8()..];
        match c {
            '[' => {
                let given = next();
                let negated = chunk.starts_with('^');
                chunk = chunk.strip_prefix('^').unwrap_or(chunk);
                let (mut matched, mut ranges) = (false, 0);
                while ranges == 0 || !chunk.starts_with(']') {
                    let low = class_char(&mut chunk)?;
                    let high = match chunk.strip_prefix('-') {
                        Some(after) => {
                            chunk = after;
                            class_char(&mut chunk)?
                        }
                        None => low,
                    };
                    matched |= given.is_some_and(|g| (low..=high).contains(&g));
                    ranges += 1;
                }
                chunk = &chunk[1..];
                failed |= matched == negated;
            }
            '?' => failed |= next() == Some('/'),
            '\\' => {
                let Some(literal) = chunk.chars().next() else { return Err("a lone `\\` at the end") };
                chunk = &chunk[literal.len_utf8()..];
                failed |= next() != Some(literal);
            }
            literal => failed |= next() != Some(literal),
        }
    }
    Ok((!failed).then_some(name.as_str()))
}

/// One character of a class; something must follow it.
fn class_char(chunk: &mut &str) -> Result<char, &'static str> {
    const OPEN: &str = "`[` without its `]`, or an empty class";
    if chunk.starts_with(['-', ']']) {
        return Err(OPEN);
    }
    let body = chunk.strip_prefix('\\').unwrap_or(chunk);
    let c = body.chars().next().ok_or(OPEN)?;
    *chunk = &body[c.len_utf8()..];
    if chunk.is_empty() { Err(OPEN) } else { Ok(c) }
}
