//! Reading an adapter from PEFT's two files.
//!
//! Strict, because every way of being lenient ends in a model that runs and
//! answers as if it had not been trained: the tensors in the file must be
//! exactly those that the configuration and the module ask for.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::Path,
};

use burn::{
    module::Module,
    tensor::{bf16, f16},
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{
    AttachReport, LoraConfig, Mismatch, PeftError,
    attach::{Values, install},
    files::{WEIGHTS_FILE, read},
    select::{Plan, PlannedLayer, plan},
    tensors::Factor,
};

/// What loading an adapter did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadReport {
    /// The adapted layers and the size of the update.
    pub attached: AttachReport,
    /// Layers whose update is zero, as in an adapter that was never trained.
    pub zero_effect: Vec<String>,
}

impl LoadReport {
    /// Whether the adapter changes nothing at all.
    pub fn has_no_effect(&self) -> bool {
        self.zero_effect.len() == self.attached.adapted.len()
    }
}

/// Freezes a module and attaches the adapter in `dir` to it.
///
/// F32, F16 and BF16 tensors are read, the latter two widened. The prefix
/// `base_model.model.` may be missing and the adapter's name `default` may
/// stand before `weight`, as some writers have it. The adapter can be trained
/// further or [merged](crate::merge).
///
/// # Errors
///
/// What [`LoraConfig::from_dir`] refuses; a tensor file that cannot be read or
/// is cut short; and, as one [`PeftError::Mismatch`], every tensor that is
/// missing, unexpected, given twice, of another shape or type, or not finite.
/// Also targets that match nothing, or layers that already carry an adapter.
pub fn load_adapter<M: Module>(
    module: M,
    dir: impl AsRef<Path>,
) -> Result<(M, LoraConfig, LoadReport), PeftError> {
    let dir = dir.as_ref();
    let config = LoraConfig::from_dir(dir)?;
    let plan = plan(&module, &config)?;

    let file = dir.join(WEIGHTS_FILE);
    let bytes = read(&file)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|source| PeftError::Weights {
        file: file.clone(),
        source,
    })?;
    let values =
        read_values(&plan, &tensors).map_err(|mismatch| PeftError::Mismatch { file, mismatch })?;

    let layers = plan.layers.iter().zip(&values);
    let zero_effect = layers
        .filter(|(_, values)| is_zero(&values.a) || is_zero(&values.b))
        .map(|(layer, _)| layer.site.path.clone())
        .collect();
    let (module, attached) = install(module, plan, values);
    let report = LoadReport {
        attached,
        zero_effect,
    };
    Ok((module, config, report))
}

/// Whether all values are zero.
fn is_zero(values: &[f32]) -> bool {
    values.iter().all(|&value| value == 0.0)
}

/// The values of every planned layer, in their order, or everything that is
/// wrong.
fn read_values(plan: &Plan, tensors: &SafeTensors<'_>) -> Result<Vec<Values>, Box<Mismatch>> {
    let mut mismatch = Mismatch::default();
    let mut names = tensors.names();
    names.sort_unstable();

    // Which tensor of the file is which factor.
    let mut found = BTreeMap::new();
    for name in names {
        let planned = Factor::parse(name)
            .filter(|(path, _)| plan.layers.iter().any(|layer| layer.site.path == *path));
        match (planned, tensors.tensor(name)) {
            (Some(key), Ok(tensor)) => match found.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert((name, tensor));
                }
                Entry::Occupied(_) => mismatch.duplicate.push(name.into()),
            },
            _ => mismatch.unexpected.push(name.into()),
        }
    }

    let mut values = Vec::with_capacity(plan.layers.len());
    for PlannedLayer { site, rank, .. } in &plan.layers {
        let mut factor =
            |factor: Factor, shape: [usize; 2]| match found.get(&(site.path.as_str(), factor)) {
                None => {
                    mismatch.missing.push(factor.key(&site.path));
                    None
                }
                Some((name, tensor)) => read_transposed(name, tensor, shape, &mut mismatch),
            };
        let a = factor(Factor::A, [*rank, site.d_input]);
        let b = factor(Factor::B, [site.d_output, *rank]);
        if let (Some(a), Some(b)) = (a, b) {
            values.push(Values { a, b });
        }
    }
    if mismatch.is_empty() {
        Ok(values)
    } else {
        Err(Box::new(mismatch))
    }
}

/// The tensor's values in f32, transposed to the order that burn multiplies in.
fn read_transposed(
    name: &str,
    tensor: &TensorView<'_>,
    shape: [usize; 2],
    mismatch: &mut Mismatch,
) -> Option<Vec<f32>> {
    if tensor.shape() != shape {
        let text = format!("{name} is {:?}, expected {shape:?}", tensor.shape());
        mismatch.misshaped.push(text);
        return None;
    }
    let values = match tensor.dtype() {
        Dtype::F32 => decode(tensor.data(), f32::from_le_bytes),
        Dtype::F16 => decode(tensor.data(), |bytes| f16::from_le_bytes(bytes).to_f32()),
        Dtype::BF16 => decode(tensor.data(), |bytes| bf16::from_le_bytes(bytes).to_f32()),
        other => {
            mismatch.mistyped.push(format!("{name} is {other:?}"));
            return None;
        }
    };
    if !values.iter().all(|value| value.is_finite()) {
        mismatch.non_finite.push(name.into());
        return None;
    }
    let [rows, columns] = shape;
    let order = (0..columns).flat_map(|column| (0..rows).map(move |row| row * columns + column));
    Some(order.map(|index| values[index]).collect())
}

/// Numbers of `N` little-endian bytes each.
fn decode<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (numbers, _) = bytes.as_chunks::<N>();
    numbers.iter().map(|&bytes| number(bytes)).collect()
}
