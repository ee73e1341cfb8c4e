//! Writing an adapter as PEFT's two files.

use std::{borrow::Cow, collections::HashMap, fs, path::Path};

use burn::{module::Module, tensor::TensorData};
use safetensors::{Dtype, View};

use crate::{
    AdapterConfig, AdapterLayer, PeftError, TargetModules,
    attach::DEFAULT_ADAPTER,
    convert::without_initial,
    files::{WEIGHTS_FILE, write_atomically},
    named::check_known,
    state::{self, Entry},
    targets::last_segment,
    traverse::{Anatomy, Holder},
};

/// Writes the adapter called [`DEFAULT_ADAPTER`], or the only one there is, as
/// `adapter_model.safetensors` and `adapter_config.json` into `dir`, which is
/// made if it does not exist.
///
/// Tensors are f32 under PEFT's names, `base_model.model.<path>.lora_A.weight`
/// `[rank, d_input]` and `.lora_B.weight` `[d_output, rank]`. `"all-linear"`
/// is written as the list of names that it stands for, as PEFT does, because
/// not every reader knows the word. PiSSA and OLoRA are written as plain LoRA
/// of twice the rank, `[A, A₀]` and `[B, -B₀]`, which is right on the base
/// model as it was published. Each file is complete or not there: it is
/// written beside its place and renamed.
///
/// # Errors
///
/// A module without an adapter, values that are not finite, or a folder that
/// cannot be written.
pub fn save_adapter<M: Module>(module: &M, dir: impl AsRef<Path>) -> Result<(), PeftError> {
    let carried = state::read(module);
    let mut names = crate::named::entries(&carried).map(|entry| entry.name.as_str());
    let first = names.next().ok_or(PeftError::NotAdapted)?;
    let only = names.all(|name| name == first);
    let name = if only { first } else { DEFAULT_ADAPTER };
    save_adapter_as(module, name, dir)
}

/// Writes the adapter of this name, active or not, as [`save_adapter`] does.
///
/// # Errors
///
/// As [`save_adapter`], and a name that no adapter has.
pub fn save_adapter_as<M: Module>(
    module: &M,
    name: &str,
    dir: impl AsRef<Path>,
) -> Result<(), PeftError> {
    let saved = Saved::of(module, name)?;
    saved.write(dir.as_ref())
}

/// An adapter as PEFT's files hold it.
pub(crate) struct Saved {
    /// The settings.
    pub config: AdapterConfig,
    /// The tensors by name.
    pub tensors: Vec<(String, TensorData)>,
}

impl Saved {
    /// Reads an adapter off a module.
    pub(crate) fn of<M: Module>(module: &M, name: &str) -> Result<Self, PeftError> {
        let carried = state::read(module);
        check_known(&carried, name)?;
        let entries: Vec<&Entry> = crate::named::entries(&carried)
            .filter(|entry| entry.name == name)
            .collect();
        let Some(first) = entries.first() else {
            return Err(PeftError::NotAdapted);
        };
        let mut config = (*first.config).clone();
        let targets = match &mut config {
            AdapterConfig::Lora(lora) => Some(&mut lora.target_modules),
            AdapterConfig::Vera(vera) => Some(&mut vera.target_modules),
            AdapterConfig::Ia3(ia3) => Some(&mut ia3.target_modules),
            AdapterConfig::PromptTuning(_) => None,
        };
        if let Some(targets) = targets.filter(|targets| targets.is_all_linear()) {
            *targets = spell_out(&Anatomy::of(module), &entries);
        }
        let mut tensors = Vec::new();
        for entry in &entries {
            for slot in &entry.slots {
                if let Some(field) = entry.layer.field(slot.field) {
                    tensors.push((slot.key.clone(), field.data(slot)));
                }
            }
        }
        tensors.extend(shared_projections(&config, &entries));
        let mut saved = Self { config, tensors };
        saved.tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
        without_initial(&mut saved, &entries);
        saved.check_finite()?;
        Ok(saved)
    }

    /// Refuses values that are NaN or infinite.
    pub(crate) fn check_finite(&self) -> Result<(), PeftError> {
        let finite = |data: &TensorData| data.iter::<f32>().all(f32::is_finite);
        let broken: Vec<String> = self
            .tensors
            .iter()
            .filter(|(_, data)| !finite(data))
            .map(|(name, _)| name.clone())
            .collect();
        if broken.is_empty() {
            Ok(())
        } else {
            Err(PeftError::NonFinite { tensors: broken })
        }
    }

    /// Writes both files.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), PeftError> {
        let file = dir.join(WEIGHTS_FILE);
        let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
        let tensors = self
            .tensors
            .iter()
            .map(|(name, data)| (name, Host::new(data)));
        let bytes = safetensors::serialize(tensors, Some(metadata)).map_err(|source| {
            PeftError::Weights {
                file: file.clone(),
                source,
            }
        })?;
        fs::create_dir_all(dir).map_err(|source| PeftError::Write {
            file: dir.into(),
            source,
        })?;
        write_atomically(&file, &bytes)?;
        self.config.write(dir)
    }
}

/// VeRA's projections, which belong to no layer.
fn shared_projections(config: &AdapterConfig, entries: &[&Entry]) -> Vec<(String, TensorData)> {
    let wanted = matches!(config, AdapterConfig::Vera(vera) if vera.save_projection);
    let vera = entries.iter().find_map(|entry| match &entry.layer {
        AdapterLayer::Vera(vera) if wanted => Some(vera),
        _ => None,
    });
    let Some(vera) = vera else {
        return Vec::new();
    };
    [("vera_A", &vera.a), ("vera_B", &vera.b)]
        .into_iter()
        .map(|(name, matrix)| {
            let data = matrix.clone().without_autodiff().transpose().into_data();
            (format!("base_model.{name}"), data.convert::<f32>())
        })
        .collect()
}

/// A list that names the adapted layers and no others: their last segments
/// where that is enough, or their whole paths.
pub(crate) fn spell_out(anatomy: &Anatomy, entries: &[&Entry]) -> TargetModules {
    let adapted: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.layer.is_targeted())
        .map(|entry| entry.module.as_str())
        .collect();
    let mut names: Vec<&str> = adapted.iter().map(|path| last_segment(path)).collect();
    names.sort_unstable();
    names.dedup();
    let linear = anatomy.weights(Holder::Linear);
    let exact = linear
        .chain(anatomy.weights(Holder::Embedding))
        .all(|site| {
            let path = site.module();
            adapted.contains(&path) || !names.contains(&last_segment(path))
        });
    if exact {
        TargetModules::names(names)
    } else {
        TargetModules::names(adapted)
    }
}

/// An f32 tensor in the file's byte order.
struct Host<'a> {
    shape: &'a [usize],
    bytes: Vec<u8>,
}

impl<'a> Host<'a> {
    fn new(data: &'a TensorData) -> Self {
        Self {
            shape: data.shape(),
            bytes: data.iter::<f32>().flat_map(f32::to_le_bytes).collect(),
        }
    }
}

impl View for Host<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}
