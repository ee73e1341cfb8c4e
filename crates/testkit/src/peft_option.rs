//! One tiny adapter per option of PEFT: `fixtures/peft-options`.
//!
//! PEFT's two files are not stored but described: settings that differ from
//! the defaults, and values that a formula gives. They are written again here,
//! and a hash shows that they are PEFT's to the byte.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::{Dtype, tensor::TensorView};
use serde::Deserialize;
use serde_json::Value;

use crate::fixture::{Fixture, fixture_path};
use crate::hashed::{fnv1a, hashed};

/// Whose logits are stored: the last of the five tokens.
const LAST: usize = 2;
const VOCAB: usize = 11;
const COPY: &str = ".base_layer.weight";
const PREFIX: &str = "base_model.model.";

#[derive(Deserialize)]
struct Table {
    defaults: BTreeMap<String, BTreeMap<String, Value>>,
    variants: BTreeMap<String, BTreeMap<String, Described>>,
}

/// One line of `variants.json`.
#[derive(Deserialize)]
struct Described {
    peft_type: String,
    config: BTreeMap<String, Value>,
    tensors: BTreeMap<String, BTreeMap<String, Vec<usize>>>,
    fnv1a: String,
    loss_sum: Option<f64>,
    #[serde(default)]
    also: Vec<String>,
}

/// An adapter with PEFT's files, and what PEFT computes with it on
/// [`PeftOption::IDS`].
///
/// ```
/// let option = anneal_testkit::PeftOption::open("lora_plain");
/// assert_eq!(option.base(), "untied");
/// let config = option.adapter_config();
/// assert!(config.contains("\"lora_alpha\": 3,\n") && config.contains("\"r\": 2,\n"));
/// let gradients = option.gradients();
/// let (shape, values) = &gradients["base_model.model.model.layers.0.mlp.down_proj.lora_A.weight"];
/// assert_eq!((shape.as_slice(), values.len()), ([2, 10].as_slice(), 20));
/// ```
#[derive(Debug)]
pub struct PeftOption {
    name: String,
    base: String,
    config: BTreeMap<String, Value>,
    shapes: BTreeMap<String, Vec<usize>>,
    hash: String,
    /// Logits and gradients in a row, then what `also` names.
    golden: Vec<f32>,
    loss_sum: Option<f64>,
    also: Vec<String>,
}

impl PeftOption {
    /// The tokens of the one row: every one after the first is a target of
    /// [`PeftOption::loss_sum`].
    pub const IDS: [i64; 5] = [3, 7, 1, 10, 5];

    /// The variant of that name.
    ///
    /// # Panics
    /// If there is none: a fixture is part of the repository.
    pub fn open(name: &str) -> Self {
        let Table { defaults, variants } = table();
        let known = variants.values().flat_map(BTreeMap::keys).cloned();
        let known: Vec<String> = known.collect();
        let mut bases = variants.into_iter();
        let found = bases.find_map(|(base, mut named)| Some((base, named.remove(name)?)));
        let Some((base, about)) = found else {
            panic!("there is no variant `{name}`; there are {known:?}");
        };
        let mut config = defaults[&about.peft_type].clone();
        config.extend(about.config);
        let shapes = about.tensors.into_iter().flat_map(|(module, tensors)| {
            let named = move |(leaf, shape)| (key(&module, leaf), shape);
            tensors.into_iter().map(named)
        });
        Self {
            name: name.to_owned(),
            base,
            config,
            shapes: shapes.collect(),
            hash: about.fnv1a,
            golden: goldens().floats(name).1,
            loss_sum: about.loss_sum,
            also: about.also,
        }
    }

    /// The names of all variants.
    pub fn names() -> Vec<String> {
        let variants = table().variants.into_values();
        variants.flat_map(BTreeMap::into_keys).collect()
    }

    /// The base model's name, `untied` or `tied`. Its weights are
    /// [`hashed`](crate::hashed()).
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The base model's `config.json`.
    pub fn base_config(&self) -> PathBuf {
        fixture_path(&format!("peft-options/{}.json", self.base))
    }

    /// The text of PEFT's `adapter_config.json`.
    ///
    /// # Panics
    /// If it can't be written as JSON, which a fixture always can.
    pub fn adapter_config(&self) -> String {
        serde_json::to_string_pretty(&self.config).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    /// The tensors of PEFT's `adapter_model.safetensors`: shapes and values by
    /// key.
    pub fn tensors(&self) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
        let mut stored = self.part("values").map(|values| values.iter().copied());
        let tensors = self.shapes.iter().map(|(key, shape)| {
            let count = shape.iter().product();
            let values = match &mut stored {
                Some(values) if !key.ends_with(COPY) => values.by_ref().take(count).collect(),
                _ => self.formula(key, count),
            };
            (key.clone(), (shape.clone(), values))
        });
        tensors.collect()
    }

    /// Writes PEFT's two files into a folder that exists.
    ///
    /// # Panics
    /// If they can't be written, or are not PEFT's to the byte.
    pub fn write(&self, folder: &Path) {
        let stop = |what: &dyn std::fmt::Display| -> ! { panic!("{}: {what}", self.name) };
        let tensors: Vec<_> = self.tensors().into_iter().collect();
        let bytes = tensors.iter().map(|(_, (_, values))| {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes());
            bytes.collect::<Vec<u8>>()
        });
        let bytes: Vec<_> = bytes.collect();
        let views = tensors
            .iter()
            .zip(&bytes)
            .map(|((key, (shape, _)), bytes)| {
                let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
                (key, view.unwrap_or_else(|e| stop(&e)))
            });
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        let weights = safetensors::serialize(views, Some(metadata)).unwrap_or_else(|e| stop(&e));
        let config = self.adapter_config().into_bytes();
        let hash = fnv1a(config.iter().chain(&weights).copied());
        assert_eq!(
            format!("{hash:016x}"),
            self.hash,
            "{}: not PEFT's files",
            self.name
        );
        for (name, bytes) in [
            ("adapter_config.json", config),
            ("adapter_model.safetensors", weights),
        ] {
            std::fs::write(folder.join(name), bytes).unwrap_or_else(|e| stop(&e));
        }
    }

    /// The logits `[2, 11]` of the last two tokens.
    pub fn logits(&self, device: &Device) -> Tensor<2> {
        matrix(self.golden[..LAST * VOCAB].to_vec(), device)
    }

    /// The same after PEFT's `merge_and_unload`; those of [`PeftOption::logits`]
    /// unless they differ by more than 1e-5.
    pub fn merged_logits(&self, device: &Device) -> Tensor<2> {
        match self.part("merged_logits") {
            Some(values) => matrix(values.to_vec(), device),
            None => self.logits(device),
        }
    }

    /// Cross entropy summed over the four targets; none for adapters that
    /// PEFT converted to plain LoRA.
    pub fn loss_sum(&self) -> Option<f64> {
        self.loss_sum
    }

    /// The gradient of the loss for every trained tensor, by its key and in
    /// its shape; empty where there is no loss.
    pub fn gradients(&self) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
        let mut values = self.golden[LAST * VOCAB..].iter().copied();
        let trained = self.trained();
        let gradients = trained.map(|(key, shape)| {
            let values = values.by_ref().take(shape.iter().product());
            (key.clone(), (shape.clone(), values.collect()))
        });
        gradients.collect()
    }

    /// The tensors that have a gradient in the fixture.
    fn trained(&self) -> impl Iterator<Item = (&String, &Vec<usize>)> {
        let shapes = self.shapes.iter().filter(|_| self.loss_sum.is_some());
        shapes.filter(|(key, _)| !key.ends_with(COPY) && !key.starts_with("base_model.vera_"))
    }

    /// One of the parts that `also` names.
    fn part(&self, name: &str) -> Option<&[f32]> {
        let count = |shape: &Vec<usize>| shape.iter().product::<usize>();
        let gradients: usize = self.trained().map(|(_, shape)| count(shape)).sum();
        let mut start = LAST * VOCAB + gradients;
        for part in &self.also {
            let length = if part == "values" {
                let stored = self.shapes.iter().filter(|(key, _)| !key.ends_with(COPY));
                stored.map(|(_, shape)| count(shape)).sum()
            } else {
                LAST * VOCAB
            };
            if part == name {
                return Some(&self.golden[start..start + length]);
            }
            start += length;
        }
        None
    }

    /// The values of a tensor that the generator took from the formula.
    fn formula(&self, key: &str, count: usize) -> Vec<f32> {
        if key.ends_with(COPY) {
            let name = key.trim_start_matches(PREFIX).replace(".base_layer", "");
            let tied = self.base == "tied" && name == "lm_head.weight";
            return hashed(
                if tied {
                    "model.embed_tokens.weight"
                } else {
                    &name
                },
                count,
            );
        }
        let around_one = key.ends_with("lora_magnitude_vector") || key.ends_with("ia3_l");
        let values = hashed(&format!("{}/{key}", self.name), count).into_iter();
        values
            .map(|value| value + f32::from(u8::from(around_one)))
            .collect()
    }
}

/// The logits `[2, 11]` that PEFT computes with several adapters: `together`,
/// `combined_linear`, `combined_cat` or `combined_svd`.
///
/// # Panics
/// If there is no case of that name.
pub fn peft_combination(name: &str, device: &Device) -> Tensor<2> {
    goldens().float(name, device)
}

/// The projections that PEFT draws for `vera_unsaved`: `vera_A` `[3, 10]` and
/// `vera_B` `[12, 3]`.
pub fn vera_projections(device: &Device) -> [Tensor<2>; 2] {
    ["vera_A", "vera_B"].map(|name| goldens().float(&format!("vera_unsaved/{name}"), device))
}

fn goldens() -> Fixture {
    Fixture::open("peft-options/goldens.safetensors")
}

fn table() -> Table {
    let path = fixture_path("peft-options/variants.json");
    let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The whole key of a tensor in PEFT's file.
fn key(module: &str, leaf: String) -> String {
    match leaf.as_str() {
        _ if module.is_empty() => leaf,
        "lora_A" | "lora_B" => format!("{PREFIX}{module}.{leaf}.weight"),
        _ => format!("{PREFIX}{module}.{leaf}"),
    }
}

fn matrix(values: Vec<f32>, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, [LAST, VOCAB]), device)
}
