//! The table `[history]` of `unstale.toml`: what a failed deploy costs.

use toml::de::DeValue;

use super::keys::{Key, Keys, Value, ordered, said, shown};
use crate::settings::Rates;

/// Its keys.
const KEYS: [&str; 4] = ["per-hour", "per-1000-tokens", "tokens-per-deploy", "currency"];

/// The longest name of a money, in characters.
const LONGEST: usize = 12;

impl Keys<'_> {
    /// `[history]`.
    pub(super) fn rates(&mut self, value: &Value<'_>) -> Rates {
        let mut rates = Rates::default();
        let Some(table) = value.get_ref().as_table() else {
            let message =
                format!("`history` is a table: write `per-hour = 60` under `[history]`{}", shown(value));
            self.wrong(value.span(), message);
            return rates;
        };
        for (key, value) in ordered(table) {
            match key.get_ref().as_ref() {
                "per-hour" => rates.per_hour = self.amount(key, value),
                "per-1000-tokens" => rates.per_1000_tokens = self.amount(key, value),
                "tokens-per-deploy" => rates.tokens_per_deploy = self.count(key, value),
                "currency" => rates.currency = self.currency(key, value),
                _ => self.unknown(key, &KEYS),
            }
        }
        rates
    }

    fn amount(&mut self, key: &Key<'_>, value: &Value<'_>) -> Option<f64> {
        let number = match value.get_ref() {
            DeValue::Integer(_) | DeValue::Float(_) => number(value),
            _ => None,
        };
        let found = number.filter(|n| n.is_finite() && *n >= 0.0);
        if found.is_none() {
            let key = key.get_ref();
            self.wrong(
                value.span(),
                format!("`{key}` takes an amount of money, as in `{key} = 60`{}", said(value)),
            );
        }
        found
    }

    fn count(&mut self, key: &Key<'_>, value: &Value<'_>) -> Option<u64> {
        let found = match value.get_ref() {
            DeValue::Integer(written) => u64::from_str_radix(written.as_str(), written.radix()).ok(),
            _ => None,
        };
        if found.is_none() {
            let key = key.get_ref();
            self.wrong(
                value.span(),
                format!("`{key}` takes a number of tokens, as in `{key} = 8000`{}", said(value)),
            );
        }
        found
    }

    fn currency(&mut self, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
        let plain = |text: &&str| {
            !text.trim().is_empty() && text.chars().count() <= LONGEST && !text.chars().any(char::is_control)
        };
        let found = value.get_ref().as_str().filter(plain);
        if found.is_none() {
            let key = key.get_ref();
            let message = format!(
                "`{key}` takes the name of a money, {LONGEST} letters at most, as in `{key} = \"EUR\"`{}",
                said(value)
            );
            self.wrong(value.span(), message);
        }
        found.map(str::to_owned)
    }
}

fn number(value: &Value<'_>) -> Option<f64> {
    match value.get_ref() {
        #[expect(clippy::cast_precision_loss, reason = "an amount of money is far smaller")]
        DeValue::Integer(written) => {
            i64::from_str_radix(written.as_str(), written.radix()).ok().map(|n| n as f64)
        }
        DeValue::Float(written) => written.as_str().parse().ok(),
        _ => None,
    }
}
