//! The rotary settings of `config.json`, read and written.
//!
//! transformers 4 spells them `rope_theta` and `rope_scaling` (with `type`
//! before `rope_type` existed), transformers 5 `rope_parameters`. They stay
//! JSON until here, since each kind has keys of its own, and transformers
//! treats an absent key and a null one differently.

use serde_json::{Map, Value, json};

use super::{HuggingFaceConfig, Refusal, RopeConfig, RopeScaling};

/// A JSON object of rotary settings.
pub(super) type Settings = Map<String, Value>;

const SUPPORTED: &str = "\"default\", \"linear\", \"dynamic\", \"llama3\" or \"yarn\"";

/// The settings in force, with the name of the key that holds them.
struct Reader<'a> {
    file: &'a HuggingFaceConfig,
    key: &'static str,
    settings: &'a Settings,
}

/// Decides the rotary embedding; `head_dim` is known by then.
pub(super) fn read(file: &HuggingFaceConfig, head_dim: usize) -> Result<RopeConfig, Refusal> {
    let empty = Settings::new();
    // transformers 5: `rope_scaling or rope_parameters`, where {} is false.
    let (key, settings) = match (&file.rope_scaling, &file.rope_parameters) {
        (Some(old), _) if !old.is_empty() => ("rope_scaling", old),
        (_, Some(new)) => ("rope_parameters", new),
        _ => ("rope_parameters", &empty),
    };
    let reader = Reader {
        file,
        key,
        settings,
    };
    reader.whole_head()?;
    let rope = RopeConfig {
        theta: reader.theta()?,
        scaling: reader.scaling()?,
    };
    let longrope = matches!(rope.scaling, RopeScaling::Divisors { .. });
    rope.check(head_dim)
        .map_err(|refusal| refusal.renamed(|field| reader.spelled(field, longrope)))?;
    Ok(rope)
}

impl Reader<'_> {
    fn name(&self, field: &str) -> String {
        format!("{}.{field}", self.key)
    }

    /// How the file spells a field that [`RopeConfig::check`] refused.
    fn spelled(&self, field: &str, longrope: bool) -> String {
        match field {
            "head_dim" => field.to_owned(),
            "rope_theta" if !self.settings.contains_key(field) => field.to_owned(),
            "divisors" if longrope => self.name("short_factor"),
            "original_max_position_embeddings"
                if self.file.original_max_position_embeddings.is_some() =>
            {
                field.to_owned()
            }
            _ => self.name(field),
        }
    }

    fn whole_head(&self) -> Result<(), Refusal> {
        let field = "partial_rotary_factor";
        let places = [
            (self.name(field), self.number(field)?),
            (field.to_owned(), self.file.partial_rotary_factor),
        ];
        match places
            .into_iter()
            .find(|(_, v)| v.is_some_and(|v| v != 1.0))
        {
            Some((place, found)) => {
                let expected = "1 (a rotation of part of the head is not supported)";
                Err(Refusal::new(place, found.unwrap_or_default(), expected))
            }
            None => Ok(()),
        }
    }

    fn theta(&self) -> Result<f64, Refusal> {
        let field = "rope_theta";
        match self.settings.get(field) {
            Some(_) => self.required(field),
            None => {
                let missing = || Refusal::new(field, "null", "a number > 0");
                self.file.rope_theta.ok_or_else(missing)
            }
        }
    }

    fn scaling(&self) -> Result<RopeScaling, Refusal> {
        let named = ["rope_type", "type"]
            .into_iter()
            .find_map(|field| Some((field, self.settings.get(field)?)));
        let (field, kind) = match &named {
            Some((field, value)) => (*field, value.as_str().unwrap_or_default()),
            None => ("rope_type", "default"),
        };
        match kind {
            "default" => Ok(RopeScaling::Default),
            "linear" => Ok(RopeScaling::Linear {
                factor: self.required("factor")?,
            }),
            "dynamic" => Ok(RopeScaling::Dynamic {
                factor: self.required("factor")?,
            }),
            "llama3" => Ok(RopeScaling::Llama3 {
                factor: self.required("factor")?,
                low_freq_factor: self.required("low_freq_factor")?,
                high_freq_factor: self.required("high_freq_factor")?,
                original_max_position_embeddings: self.original()?,
            }),
            "yarn" => self.yarn(),
            "longrope" => self.divisors(),
            _ => {
                let found = named.map_or(&Value::Null, |(_, value)| value);
                Err(Refusal::new(self.name(field), found, SUPPORTED))
            }
        }
    }

    fn yarn(&self) -> Result<RopeScaling, Refusal> {
        let original = self.original()?;
        let factor = match self.settings.get("factor") {
            // DeepSeek's files: the ratio of the two lengths.
            Some(Value::Null) => self.file.max_position_embeddings as f64 / original as f64,
            _ => self.required("factor")?,
        };
        let attention_factor = match self.number("attention_factor")? {
            Some(given) => given,
            None => RopeScaling::yarn_attention_factor(
                factor,
                self.number("mscale")?,
                self.number("mscale_all_dim")?,
            ),
        };
        let truncate = match self.settings.get("truncate") {
            None => true,
            // Python takes None for false.
            Some(Value::Null) => false,
            Some(value) => value
                .as_bool()
                .ok_or_else(|| Refusal::new(self.name("truncate"), value, "true or false"))?,
        };
        let turns = |field, default| {
            let given = self.number(field)?.filter(|v| *v != 0.0);
            Ok(given.unwrap_or(default))
        };
        Ok(RopeScaling::Yarn {
            factor,
            original_max_position_embeddings: original,
            attention_factor,
            beta_fast: turns("beta_fast", 32.0)?,
            beta_slow: turns("beta_slow", 1.0)?,
            truncate,
        })
    }

    /// The one kind of longrope that is a fixed set of divisors: equal lists
    /// and no attention factor. [`write`] saves a GGUF's divisors so.
    fn divisors(&self) -> Result<RopeScaling, Refusal> {
        let list = |field| {
            let numbers = self.settings.get(field).and_then(Value::as_array);
            numbers?.iter().map(|v| Some(v.as_f64()? as f32)).collect()
        };
        let (short, long): (Option<Vec<f32>>, Option<Vec<f32>>) =
            (list("short_factor"), list("long_factor"));
        match (short, self.number("attention_factor")?) {
            (Some(divisors), Some(1.0)) if long.as_ref() == Some(&divisors) => {
                Ok(RopeScaling::Divisors { divisors })
            }
            _ => {
                let expected = format!(
                    "{SUPPORTED} (or \"longrope\" with equal lists and an attention_factor of 1)"
                );
                Err(Refusal::new(
                    self.name("rope_type"),
                    "\"longrope\"",
                    expected,
                ))
            }
        }
    }

    /// The length before the scaling; a key beside the settings goes before
    /// one in them, and the model's length stands in for both.
    fn original(&self) -> Result<usize, Refusal> {
        let field = "original_max_position_embeddings";
        if let Some(outer) = self.file.original_max_position_embeddings {
            return Ok(outer);
        }
        match self.settings.get(field) {
            None => Ok(self.file.max_position_embeddings),
            Some(value) => value
                .as_u64()
                .and_then(|v| usize::try_from(v).ok())
                .ok_or_else(|| Refusal::new(self.name(field), value, "1 to 2^30")),
        }
    }

    fn number(&self, field: &str) -> Result<Option<f64>, Refusal> {
        match self.settings.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_f64() {
                Some(number) => Ok(Some(number)),
                None => Err(Refusal::new(self.name(field), value, "a number")),
            },
        }
    }

    fn required(&self, field: &str) -> Result<f64, Refusal> {
        let found = self.settings.get(field).map_or("missing", |_| "null");
        self.number(field)?
            .ok_or_else(|| Refusal::new(self.name(field), found, "a number > 0"))
    }
}

/// The scaling's settings without θ; `None` where there is no scaling.
pub(super) fn write(scaling: &RopeScaling, positions: usize) -> Option<Settings> {
    let mut value = match scaling {
        RopeScaling::Default => return None,
        RopeScaling::Linear { factor } | RopeScaling::Dynamic { factor } => {
            json!({ "factor": factor })
        }
        RopeScaling::Llama3 {
            factor,
            low_freq_factor,
            high_freq_factor,
            original_max_position_embeddings,
        } => json!({
            "factor": factor,
            "low_freq_factor": low_freq_factor,
            "high_freq_factor": high_freq_factor,
            "original_max_position_embeddings": original_max_position_embeddings,
        }),
        RopeScaling::Yarn {
            factor,
            original_max_position_embeddings,
            attention_factor,
            beta_fast,
            beta_slow,
            truncate,
        } => json!({
            "factor": factor,
            "original_max_position_embeddings": original_max_position_embeddings,
            "attention_factor": attention_factor,
            "beta_fast": beta_fast,
            "beta_slow": beta_slow,
            "truncate": truncate,
        }),
        RopeScaling::Divisors { divisors } => json!({
            "short_factor": divisors,
            "long_factor": divisors,
            "attention_factor": 1.0,
            "factor": 1.0,
            "original_max_position_embeddings": positions,
        }),
    };
    value["rope_type"] = scaling.name().into();
    match value {
        Value::Object(settings) => Some(settings),
        _ => None,
    }
}
