//! The lab's TOML files as values: the shape of a file is a type, and a key that the type does not have is an error.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

/// Reads a file.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let table = DeTable::parse(text).map_err(|e| e.to_string())?;
    serde_json::from_value(object(table.get_ref())?).map_err(|e| e.to_string())
}

fn object(table: &DeTable<'_>) -> Result<Value, String> {
    let entries = table.iter().map(|(key, value)| Ok((key.get_ref().to_string(), json(value.get_ref())?)));
    entries.collect::<Result<Map<String, Value>, String>>().map(Value::Object)
}

fn json(value: &DeValue<'_>) -> Result<Value, String> {
    match value {
        DeValue::String(text) => Ok(Value::String(text.to_string())),
        DeValue::Boolean(value) => Ok(Value::Bool(*value)),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(Value::from)
            .map_err(|e| format!("{}: {e}", number.as_str())),
        DeValue::Array(list) => {
            list.iter().map(|v| json(v.get_ref())).collect::<Result<_, _>>().map(Value::Array)
        }
        DeValue::Table(table) => object(table),
        DeValue::Float(_) | DeValue::Datetime(_) => Err("the lab knows no such value".to_owned()),
    }
}
