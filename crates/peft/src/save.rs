//! Writing an adapter as PEFT's two files.

use std::{borrow::Cow, collections::HashMap, fs, path::Path};

use burn::module::Module;
use safetensors::{Dtype, View};

use crate::{
    LoraConfig, PeftError, TargetModules,
    files::{WEIGHTS_FILE, write_atomically},
    select::select,
    targets::last_segment,
    tensors::lora_tensors,
    traverse::{factors, linears},
};

/// Writes `adapter_model.safetensors` and `adapter_config.json` into `dir`,
/// which is made if it does not exist.
///
/// Tensors are f32 under PEFT's names, `base_model.model.<path>.lora_A.weight`
/// `[rank, d_input]` and `.lora_B.weight` `[d_output, rank]`. `"all-linear"`
/// is written as the list of names that it stands for, as PEFT does, because
/// not every reader knows the word. Each file is complete or not there: it is
/// written beside its place and renamed.
///
/// # Errors
///
/// A module without an adapter, or with one that is not `config`'s (other
/// layers or ranks; the scale is not stored with the factors and is taken from
/// `config`), values that are not finite, or a folder that cannot be written.
pub fn save_adapter<M: Module>(
    module: &M,
    config: &LoraConfig,
    dir: impl AsRef<Path>,
) -> Result<(), PeftError> {
    let dir = dir.as_ref();
    check_config(module, config)?;
    let mut config = config.clone();
    if config.target_modules.is_all_linear() {
        config.target_modules = spell_out(module);
    }

    let tensors = host_tensors(module)?;
    let file = dir.join(WEIGHTS_FILE);
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    let bytes =
        safetensors::serialize(tensors, Some(metadata)).map_err(|source| PeftError::Weights {
            file: file.clone(),
            source,
        })?;

    fs::create_dir_all(dir).map_err(|source| PeftError::Write {
        file: dir.into(),
        source,
    })?;
    write_atomically(&file, &bytes)?;
    config.write(dir)
}

/// Refuses a configuration that, read back, would adapt other layers or ask
/// for other shapes.
fn check_config<M: Module>(module: &M, config: &LoraConfig) -> Result<(), PeftError> {
    let mut attached = factors(module);
    if attached.is_empty() {
        return Err(PeftError::NotAdapted);
    }
    for layer in select(module, config)?.layers {
        let path = layer.site.path;
        let found = attached.remove(&path).map(|f| f.a.lazy_shape()[1]);
        if found != Some(layer.rank) {
            return Err(PeftError::ConfigMismatch {
                path,
                found: describe(found),
                expected: describe(Some(layer.rank)),
            });
        }
    }
    match attached.into_iter().next() {
        None => Ok(()),
        Some((path, factors)) => Err(PeftError::ConfigMismatch {
            path,
            found: describe(Some(factors.a.lazy_shape()[1])),
            expected: describe(None),
        }),
    }
}

/// An adapter in words.
fn describe(rank: Option<usize>) -> String {
    rank.map_or_else(
        || "no adapter".into(),
        |rank| format!("an adapter of rank {rank}"),
    )
}

/// A list that names the adapted layers and no others: their last segments
/// where that is enough, or their whole paths.
fn spell_out<M: Module>(module: &M) -> TargetModules {
    let adapted = factors(module);
    let mut names: Vec<&str> = adapted.keys().map(|path| last_segment(path)).collect();
    names.sort_unstable();
    names.dedup();
    let exact = linears(module)
        .iter()
        .all(|l| l.adapted || !names.contains(&last_segment(&l.path)));
    if exact {
        TargetModules::names(names)
    } else {
        TargetModules::names(adapted.into_keys())
    }
}

/// The adapter's tensors on the host, all of them finite.
fn host_tensors<M: Module>(module: &M) -> Result<Vec<(String, HostTensor)>, PeftError> {
    let mut tensors = Vec::new();
    let mut broken = Vec::new();
    for (name, tensor) in lora_tensors(module) {
        let shape = tensor.dims();
        let data = tensor.into_data().convert::<f32>();
        let mut bytes = Vec::with_capacity(4 * shape[0] * shape[1]);
        let mut finite = true;
        for value in data.iter::<f32>() {
            finite &= value.is_finite();
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        if !finite {
            broken.push(name.clone());
        }
        tensors.push((name, HostTensor { shape, bytes }));
    }
    if broken.is_empty() {
        Ok(tensors)
    } else {
        Err(PeftError::NonFinite { tensors: broken })
    }
}

/// An f32 matrix in the file's byte order.
struct HostTensor {
    shape: [usize; 2],
    bytes: Vec<u8>,
}

impl View for HostTensor {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}
