//! Image references: registry, name, tag and digest.
