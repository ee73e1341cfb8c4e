//! `adapter_config.json`, as PEFT 0.21 writes and reads it.
//!
//! Three kinds of fields: those of [`LoraConfig`] are read and written; those
//! that change what an adapter computes and that we do not do are refused when
//! they are switched on; the others, a future version's included, are ignored,
//! as PEFT does. `peft_version` is not written, since PEFT did not write the file.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{
    LoraConfig, PeftError,
    files::{CONFIG_FILE, read, write_atomically},
    layers::OneOrMany,
};

/// Fields that change what the adapter computes, unless they are null, false,
/// or empty.
const UNSUPPORTED: [&str; 15] = [
    "alora_invocation_tokens",
    "arrow_config",
    "ensure_weight_tying",
    "fan_in_fan_out",
    "kasa_config",
    "layer_replication",
    "lora_bias",
    "modules_to_save",
    "monteclora_config",
    "target_parameters",
    "trainable_token_indices",
    "use_bdlora",
    "use_dora",
    "use_qalora",
    "velora_config",
];

/// Initialisations that change the base's weights, so that the adapter is
/// wrong on the base as published.
const BASE_CHANGING_INITS: [&str; 5] = ["pissa", "olora", "corda", "loftq", "lora_ga"];

impl LoraConfig {
    /// Reads `adapter_config.json` in a folder.
    ///
    /// Absent and null fields have PEFT's defaults; `target_modules` has none.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or is not a JSON object, a field of a wrong
    /// type or value, or one that asks for something we do not do. Each names
    /// the file and the field.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self, PeftError> {
        let file = dir.as_ref().join(CONFIG_FILE);
        let fields =
            serde_json::from_slice(&read(&file)?).map_err(|source| PeftError::ConfigSyntax {
                file: file.clone(),
                source,
            })?;
        Fields {
            file: &file,
            fields,
        }
        .parse()
    }

    /// Writes `adapter_config.json` into a folder.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), PeftError> {
        let file = dir.join(CONFIG_FILE);
        // serde_json cannot fail on strings, numbers and lists, but its
        // signature says so, and a reason costs nothing to pass on.
        let mut text =
            serde_json::to_vec_pretty(&self.to_json()).map_err(|source| PeftError::Write {
                file: file.clone(),
                source: source.into(),
            })?;
        text.push(b'\n');
        write_atomically(&file, &text)
    }

    /// The file's fields, sorted by name as PEFT sorts them.
    fn to_json(&self) -> Value {
        json!({
            "alpha_pattern": self.alpha_pattern.iter().map(|(k, &v)| (k.into(), number(v)))
                .collect::<Map<String, Value>>(),
            "base_model_name_or_path": self.base_model_name_or_path,
            "bias": "none",
            "exclude_modules": self.exclude_modules,
            "fan_in_fan_out": false,
            "inference_mode": true,
            "init_lora_weights": true,
            "layers_pattern": self.layers_pattern,
            "layers_to_transform": self.layers_to_transform,
            "lora_alpha": number(self.lora_alpha),
            "lora_bias": false,
            "lora_dropout": self.lora_dropout,
            "modules_to_save": null,
            "peft_type": "LORA",
            "r": self.r,
            "rank_pattern": self.rank_pattern,
            "target_modules": self.target_modules,
            "task_type": self.task_type,
            "use_dora": false,
            "use_rslora": self.use_rslora,
        })
    }
}

/// A whole number without a fraction: vLLM's `lora_alpha` is an integer.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        json!(value as i64)
    } else {
        json!(value)
    }
}

/// The fields of a file that is being read.
struct Fields<'a> {
    file: &'a Path,
    fields: Map<String, Value>,
}

impl Fields<'_> {
    fn parse(self) -> Result<LoraConfig, PeftError> {
        self.refuse_unsupported()?;
        let Some(target_modules) = self.get("target_modules", "a string or a list of strings")?
        else {
            return Err(self.error("target_modules", "a string or a list of strings"));
        };
        let default = LoraConfig::new(target_modules);
        let config = LoraConfig {
            r: self.get("r", "a whole number")?.unwrap_or(default.r),
            lora_alpha: self
                .get("lora_alpha", "a number")?
                .unwrap_or(default.lora_alpha),
            lora_dropout: self
                .get("lora_dropout", "a number")?
                .unwrap_or(default.lora_dropout),
            exclude_modules: self.get("exclude_modules", "a string or a list of strings")?,
            layers_to_transform: self
                .get::<OneOrMany<usize>>("layers_to_transform", "a whole number or a list of them")?
                .map(Vec::from),
            layers_pattern: self
                .get::<OneOrMany<String>>("layers_pattern", "a string or a list of strings")?
                .map(Vec::from),
            use_rslora: self.get("use_rslora", "true or false")?.unwrap_or(false),
            rank_pattern: self
                .get("rank_pattern", "an object of whole numbers")?
                .unwrap_or_default(),
            alpha_pattern: self
                .get("alpha_pattern", "an object of numbers")?
                .unwrap_or_default(),
            task_type: self.get("task_type", "a string")?,
            base_model_name_or_path: self.get("base_model_name_or_path", "a string")?,
            ..default
        };
        match config.validate() {
            Err(PeftError::InvalidSetting {
                field,
                found,
                expected,
            }) => Err(PeftError::ConfigField {
                file: self.file.into(),
                field,
                found,
                expected,
            }),
            other => other.map(|()| config),
        }
    }

    /// Refuses what would make the adapter compute something else here.
    fn refuse_unsupported(&self) -> Result<(), PeftError> {
        let peft_type: Option<String> = self.get("peft_type", "\"LORA\"")?;
        if peft_type.is_none() {
            return Err(self.error("peft_type", "\"LORA\""));
        }
        let bias: Option<String> = self.get("bias", "\"none\"")?;
        let init_changes_base = |value: &Value| {
            let Some(name) = value.as_str().map(str::to_lowercase) else {
                return false;
            };
            BASE_CHANGING_INITS.iter().any(|i| name.starts_with(i))
        };
        let refused = if peft_type.is_some_and(|kind| kind != "LORA") {
            Some("peft_type")
        } else if bias.is_some_and(|bias| bias != "none") {
            Some("bias")
        } else if self
            .fields
            .get("init_lora_weights")
            .is_some_and(init_changes_base)
        {
            Some("init_lora_weights")
        } else {
            UNSUPPORTED
                .into_iter()
                .find(|field| self.fields.get(*field).is_some_and(is_on))
        };
        match refused {
            Some(field) => Err(PeftError::Unsupported {
                file: self.file.into(),
                field: field.into(),
                found: self.found(field),
            }),
            None => Ok(()),
        }
    }

    /// A field's value; absent and null are the same.
    fn get<T: DeserializeOwned>(
        &self,
        field: &str,
        expected: &'static str,
    ) -> Result<Option<T>, PeftError> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::deserialize(value)
                .map(Some)
                .map_err(|_| self.error(field, expected)),
        }
    }

    fn error(&self, field: &str, expected: &'static str) -> PeftError {
        PeftError::ConfigField {
            file: self.file.into(),
            field: field.into(),
            found: self.found(field),
            expected,
        }
    }

    /// A field's value as the file says it.
    fn found(&self, field: &str) -> String {
        self.fields
            .get(field)
            .map_or_else(|| "absent".into(), Value::to_string)
    }
}

/// Whether a value switches something on.
fn is_on(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::String(text) => !text.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::TargetModules;

    fn parse(json: Value) -> Result<LoraConfig, PeftError> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(CONFIG_FILE), json.to_string()).unwrap();
        LoraConfig::from_dir(dir.path())
    }

    /// A minimal file with one more field.
    fn with(field: &str, value: Value) -> Result<LoraConfig, PeftError> {
        let mut json = json!({"peft_type": "LORA", "target_modules": ["q_proj"]});
        json[field] = value;
        parse(json)
    }

    /// The message without the folder.
    fn message(result: Result<LoraConfig, PeftError>) -> String {
        let message = result.unwrap_err().to_string();
        let start = message.find(CONFIG_FILE).unwrap();
        message[start..].into()
    }

    #[test]
    fn absent_fields_have_pefts_defaults() {
        let config = with("task_type", Value::Null).unwrap();
        let expected = LoraConfig {
            task_type: None,
            ..LoraConfig::new(TargetModules::names(["q_proj"]))
        };
        assert_eq!(config, expected);
        assert_eq!((config.r, config.lora_alpha), (8, 8.0));
    }

    #[test]
    fn fields_are_read_as_peft_writes_them() {
        assert_eq!(with("lora_alpha", json!(8.5)).unwrap().lora_alpha, 8.5);
        let config = with("layers_to_transform", json!(2)).unwrap();
        assert_eq!(config.layers_to_transform, Some(vec![2]));
        let config = with("exclude_modules", json!("k_.*")).unwrap();
        let expected = TargetModules::Pattern("k_.*".into());
        assert_eq!(config.exclude_modules, Some(expected));
        let config = with("rank_pattern", json!({"z": 2, "a": 3})).unwrap();
        let keys: Vec<_> = config.rank_pattern.iter().collect();
        assert_eq!(keys, [("z", &2), ("a", &3)]);
        for harmless in ["init_lora_weights", "loftq_config", "a_future_field"] {
            assert!(with(harmless, json!({"x": true})).is_ok(), "{harmless}");
        }
    }

    #[test]
    fn wrong_types_and_values_name_the_field() {
        let cases = [
            (
                "r",
                json!("8"),
                r#"r is "8", but it must be a whole number"#,
            ),
            ("r", json!(0), "r is 0, but it must be at least 1"),
            ("r", json!(-1), "r is -1, but it must be a whole number"),
            (
                "lora_alpha",
                json!([]),
                "lora_alpha is [], but it must be a number",
            ),
            (
                "lora_dropout",
                json!(1.5),
                "lora_dropout is 1.5, but it must be a probability from 0 to below 1",
            ),
            (
                "use_rslora",
                json!(1),
                "use_rslora is 1, but it must be true or false",
            ),
            (
                "target_modules",
                json!([1]),
                "target_modules is [1], but it must be a string or a list of strings",
            ),
            (
                "target_modules",
                Value::Null,
                "target_modules is null, but it must be a string or a list of strings",
            ),
            (
                "peft_type",
                Value::Null,
                r#"peft_type is null, but it must be "LORA""#,
            ),
        ];
        for (field, value, expected) in cases {
            let message = message(with(field, value));
            assert_eq!(message, format!("{CONFIG_FILE}: {expected}"));
        }
        let absent = message(parse(json!({"peft_type": "LORA"})));
        assert!(absent.contains("target_modules is absent"), "{absent}");
        let list = message(parse(json!([])));
        assert!(
            list.starts_with("adapter_config.json is not a JSON object"),
            "{list}"
        );
    }

    #[test]
    fn what_we_do_not_do_is_refused_by_name() {
        let cases = [
            ("peft_type", json!("IA3")),
            ("bias", json!("lora_only")),
            ("init_lora_weights", json!("pissa_niter_16")),
            ("init_lora_weights", json!("OLoRA")),
            ("use_dora", json!(true)),
            ("lora_bias", json!(true)),
            ("fan_in_fan_out", json!(true)),
            ("modules_to_save", json!(["lm_head"])),
            ("layer_replication", json!([[0, 2]])),
            ("trainable_token_indices", json!({"embed_tokens": [1]})),
            ("use_qalora", json!(true)),
            ("alora_invocation_tokens", json!([1, 2])),
        ];
        for (field, value) in cases {
            let message = message(with(field, value.clone()));
            let start = format!("{CONFIG_FILE}: {field} is {value}, which is not supported");
            assert!(message.starts_with(&start), "{message}");
        }
    }

    #[test]
    fn switched_off_is_not_refused() {
        for field in UNSUPPORTED {
            for off in [Value::Null, json!(false), json!([]), json!({})] {
                assert!(with(field, off).is_ok(), "{field}");
            }
        }
    }
}
