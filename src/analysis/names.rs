//! What the names of build arguments say: which are there to bust a cache, and which change with every deploy.

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
