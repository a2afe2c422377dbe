//! The table `[deploy]` of `unstale.toml`: how many images of before stay kept.

use toml::de::DeValue;

use super::keys::{Keys, Value, ordered, said};
use crate::settings::KEEP;

/// Its keys.
const KEYS: [&str; 1] = ["keep"];

impl Keys<'_> {
    /// `[deploy]`; `None` where it has a mistake: nothing is removed by half of what was meant.
    pub(super) fn deploy(&mut self, value: &Value<'_>) -> Option<usize> {
        let Some(table) = value.get_ref().as_table() else {
            let message =
                format!("`deploy` is a table: write `keep = {KEEP}` under `[deploy]`{}", said(value));
            self.wrong(value.span(), message);
            return None;
        };
        let mut found = Some(KEEP);
        for (key, value) in ordered(table) {
            if key.get_ref() == "keep" {
                found = found.and(self.keep(value));
            } else {
                self.unknown(key, &KEYS);
                found = None;
            }
        }
        found
    }

    fn keep(&mut self, value: &Value<'_>) -> Option<usize> {
        let found = match value.get_ref() {
            DeValue::Integer(written) => usize::from_str_radix(written.as_str(), written.radix()).ok(),
            _ => None,
        };
        let found = found.filter(|number| *number > 0);
        if found.is_none() {
            let message = format!(
                "`keep` takes a number of images, at least 1, as in `keep = {KEEP}`: without one there is no way back{}",
                said(value)
            );
            self.wrong(value.span(), message);
        }
        found
    }
}
