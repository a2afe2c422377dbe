//! What names say: build arguments that are there to bust a cache or change with every deploy, paths of tests.

/// Whether a name says that the argument is there to bust the cache and for nothing else.
pub fn is_bust_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase().replace('_', "");
    [
        "CACHEBUST",
        "BUSTCACHE",
        "CACHEDATE",
        "CACHETIME",
        "CACHEBREAK",
        "BREAKCACHE",
        "NOCACHE",
        "INVALIDATECACHE",
    ]
    .iter()
    .any(|n| name.contains(n))
}

/// Whether a name says that the argument changes with every deploy: a bust, or a commit, date or build number.
pub fn is_moving_name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    is_bust_name(name)
        || upper.split('_').any(|part| {
            matches!(
                part,
                "SHA" | "SHA1" | "COMMIT" | "REVISION" | "REV" | "TIMESTAMP" | "EPOCH" | "NONCE" | "GITHASH"
            )
        })
        || [
            "BUILD_DATE",
            "BUILD_TIME",
            "BUILD_ID",
            "BUILD_NUMBER",
            "BUILD_NUM",
            "GIT_HASH",
            "GIT_REF",
            "BUILDDATE",
        ]
        .iter()
        .any(|n| upper.contains(n))
}

/// Whether a value names one commit or content: a hexadecimal digest, shortened or not. An argument with such a default
/// says which version is wanted, and does not change with every deploy.
pub fn is_digest(value: &str) -> bool {
    let digits = value.strip_prefix("sha256:").unwrap_or(value);
    digits.len() >= 7
        && digits.bytes().all(|b| b.is_ascii_hexdigit())
        && digits.bytes().any(|b| b.is_ascii_digit())
}

/// Whether a path says that it belongs to tests: what runs from it lives as long as the test does.
pub fn is_test_path(path: &str) -> bool {
    path.to_ascii_lowercase().split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
        matches!(
            word,
            "test" | "tests" | "testing" | "testdata" | "e2e" | "cypress" | "playwright" | "fixtures"
        )
    })
}
